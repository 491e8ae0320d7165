/*
 * md5_way.h: MD5 over blocks, in one way; for md5_lanes.c alone, which includes it with
 *
 *     MD5_NAME      of the function
 *     MD5_TARGET    its attribute: what the processor must have
 *     MD5_TYPE      what it works with, MD5_SETS of them in turn; MD5_EACH says a thing for each
 *     MD5_LOAD      puts the 16 words of the blocks at data[] + offset into an array of that type
 */
MD5_TARGET
static void
MD5_NAME(MpMd5 *md5, uint32_t lane, const uint8_t *const *data, size_t blocks)
{
	MD5_TYPE	state[MP_MD5_WORDS][MD5_SETS];

	for (int i = 0; i < MP_MD5_WORDS; i++)
		memcpy(state[i], md5->words[i] + lane, sizeof(state[i]));
	for (size_t offset = 0; offset < blocks * MP_MD5_BLOCK; offset += MP_MD5_BLOCK)
	{
		MD5_TYPE	a[MD5_SETS];
		MD5_TYPE	b[MD5_SETS];
		MD5_TYPE	c[MD5_SETS];
		MD5_TYPE	d[MD5_SETS];
		MD5_TYPE	message[MD5_SETS][16];

#define MD5_BEGIN(set, ...) \
		a[set] = state[0][set], b[set] = state[1][set]; \
		c[set] = state[2][set], d[set] = state[3][set]; \
		MD5_LOAD(message[set], data + 8 * set, offset);
#define MD5_END(set, ...) \
		state[0][set] += a[set], state[1][set] += b[set]; \
		state[2][set] += c[set], state[3][set] += d[set];

		MD5_EACH(MD5_BEGIN, )
		MD5_STEPS
		MD5_EACH(MD5_END, )
	}
	for (int i = 0; i < MP_MD5_WORDS; i++)
		memcpy(md5->words[i] + lane, state[i], sizeof(state[i]));
}
#undef MD5_NAME
#undef MD5_TARGET
#undef MD5_TYPE
#undef MD5_LOAD
#undef MD5_SETS
#undef MD5_EACH
