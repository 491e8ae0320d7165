/*
 * md5_lanes.c: the ways to do MD5 side by side, and the one without vectors; see md5_lanes.h.
 *
 * The steps are written once (md5_steps.h), and once the loop over blocks around them (md5_way.h),
 * which is included here for each way: with another type, a number of such vectors that take turns
 * ("sets"), and another set of instructions.  It must be included and not inlined: a compiler splits
 * vectors that a function's target hasn't got before it inlines the function into one that has them.
 */
#include <string.h>

#include "md5_lanes.h"
#include "md5_steps.h"

#if defined(__x86_64__) && defined(__has_builtin)
#if __has_builtin(__builtin_shufflevector)
#define MD5_HAS_VECTORS
#endif
#endif

#ifdef MD5_HAS_VECTORS
#include <immintrin.h>

/* A set is a vector of 8.  Three of them wait least, even where they don't fit into registers. */
enum
{
	LANES = 3 * 8
};

typedef uint32_t Vector __attribute__((vector_size(32)));
typedef uint64_t Pairs __attribute__((vector_size(32)));
/* As it lies in a message: anywhere. */
typedef uint32_t Quad __attribute__((vector_size(16), aligned(1), may_alias));

/* What each set does in a step: first the sum that needn't wait for the step before. */
#define MD5_ADD(set, f, a, b, c, d, word, constant) \
	a[set] += message[set][word] + constant; \
	a[set] += MD5_##f(b[set], c[set], d[set]);
#define MD5_TURN(set, a, b, shift) \
	a[set] = (a[set] << shift | a[set] >> (32 - shift)) + b[set];
#define STEP(f, a, b, c, d, word, shift, constant) \
	MD5_EACH(MD5_ADD, f, a, b, c, d, word, constant) \
	MD5_EACH(MD5_TURN, a, b, shift)

#define MD5_F(b, c, d) (d ^ (b & (c ^ d)))
/* The bits of one sum are where the other has none. */
#define MD5_G(b, c, d) ((c & ~d) + (b & d))
#define MD5_H(b, c, d) (b ^ (c ^ d))
#define MD5_I(b, c, d) (c ^ (b | ~d))

/* One lane: its words lie in memory as x86 reads them. */
#define MD5_NAME run_one
#define MD5_TARGET
#define MD5_TYPE uint32_t
#define MD5_LOAD(words, data, offset) memcpy(words, *(data) + (offset), MP_MD5_BLOCK)
#define MD5_SETS 1
#define MD5_EACH(DO, ...) DO(0, __VA_ARGS__)
#include "md5_way.h"

/* Four words of two lanes. */
#define TURN_ROW(data, offset) \
	__builtin_shufflevector(*(const Quad *) ((data)[0] + (offset)), \
							*(const Quad *) ((data)[4] + (offset)), 0, 1, 2, 3, 4, 5, 6, 7)
#define TURN_LOW(one, two) (Pairs) __builtin_shufflevector(one, two, 0, 8, 1, 9, 4, 12, 5, 13)
#define TURN_HIGH(one, two) (Pairs) __builtin_shufflevector(one, two, 2, 10, 3, 11, 6, 14, 7, 15)

/* Four words of eight lanes, turned: eight lanes of each of four words. */
__attribute__((always_inline, target("avx2")))
static inline void
turn_quads(Vector *words, const uint8_t *const *data, size_t offset)
{
	Vector		row0 = TURN_ROW(data, offset);
	Vector		row1 = TURN_ROW(data + 1, offset);
	Vector		row2 = TURN_ROW(data + 2, offset);
	Vector		row3 = TURN_ROW(data + 3, offset);
	Pairs		low0 = TURN_LOW(row0, row1);
	Pairs		low1 = TURN_LOW(row2, row3);
	Pairs		high0 = TURN_HIGH(row0, row1);
	Pairs		high1 = TURN_HIGH(row2, row3);

	words[0] = (Vector) __builtin_shufflevector(low0, low1, 0, 4, 2, 6);
	words[1] = (Vector) __builtin_shufflevector(low0, low1, 1, 5, 3, 7);
	words[2] = (Vector) __builtin_shufflevector(high0, high1, 0, 4, 2, 6);
	words[3] = (Vector) __builtin_shufflevector(high0, high1, 1, 5, 3, 7);
}

__attribute__((always_inline, target("avx2")))
static inline void
turn_block(Vector *words, const uint8_t *const *data, size_t offset)
{
	turn_quads(words, data, offset);
	turn_quads(words + 4, data, offset + 16);
	turn_quads(words + 8, data, offset + 32);
	turn_quads(words + 12, data, offset + 48);
}

#define MD5_NAME run_avx2
#define MD5_TARGET __attribute__((target("avx2")))
#define MD5_TYPE Vector
#define MD5_LOAD turn_block
#define MD5_SETS 3
#define MD5_EACH(DO, ...) DO(0, __VA_ARGS__) DO(1, __VA_ARGS__) DO(2, __VA_ARGS__)
#include "md5_way.h"

/* AVX-512 has an instruction for any function of three bits, given as its table. */
#define MD5_TABLE(b, c, d, table) \
	((Vector) _mm256_ternarylogic_epi32((__m256i) b, (__m256i) c, (__m256i) d, table))
#undef MD5_F
#undef MD5_G
#undef MD5_H
#undef MD5_I
#define MD5_F(b, c, d) MD5_TABLE(b, c, d, 0xca)
#define MD5_G(b, c, d) MD5_TABLE(b, c, d, 0xe4)
#define MD5_H(b, c, d) MD5_TABLE(b, c, d, 0x96)
#define MD5_I(b, c, d) MD5_TABLE(b, c, d, 0x39)
#define MD5_NAME run_avx512
#define MD5_TARGET __attribute__((target("avx2,avx512f,avx512vl")))
#define MD5_TYPE Vector
#define MD5_LOAD turn_block
#define MD5_SETS 3
#define MD5_EACH(DO, ...) DO(0, __VA_ARGS__) DO(1, __VA_ARGS__) DO(2, __VA_ARGS__)
#include "md5_way.h"

const MpMd5Way *
mp_md5_way(unsigned number)
{
	static const MpMd5Way avx2 = {"AVX2", LANES, run_avx2};
	static const MpMd5Way avx512 = {"AVX-512", LANES, run_avx512};
	const MpMd5Way *ways[3] = {NULL};
	unsigned	n = 0;

	if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl"))
		ways[n++] = &avx512;
	if (__builtin_cpu_supports("avx2"))
		ways[n++] = &avx2;
	return number < n ? ways[number] : NULL;
}

void
mp_md5_run_one(MpMd5 *md5, uint32_t lane, const uint8_t *data, size_t blocks)
{
	run_one(md5, lane, &data, blocks);
}

#else

const MpMd5Way *
mp_md5_way(unsigned number)
{
	(void) number;
	return NULL;
}

/* Never called where there is no way. */
void
mp_md5_run_one(MpMd5 *md5, uint32_t lane, const uint8_t *data, size_t blocks)
{
	(void) md5, (void) lane, (void) data, (void) blocks;
}

#endif							/* MD5_HAS_VECTORS */

void
mp_md5_start(MpMd5 *md5, uint32_t lane)
{
	static const uint32_t first[MP_MD5_WORDS] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476};

	for (int i = 0; i < MP_MD5_WORDS; i++)
		md5->words[i][lane] = first[i];
}

void
mp_md5_end(const MpMd5 *md5, uint32_t lane, uint8_t digest[16])
{
	for (int i = 0; i < 16; i++)
		digest[i] = (uint8_t) (md5->words[i / 4][lane] >> (8 * (i % 4)));
}
