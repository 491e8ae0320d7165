/*
 * md5_steps.h: the 64 steps of MD5 (RFC 1321, 3.4), for whoever defines STEP.
 *
 *     STEP(f, a, b, c, d, word, shift, constant)    a = b + ((a + f(b, c, d) + word + constant) <<< shift)
 */
#define MD5_ROW(f, p, q, r, s, i, j, k, l, t, u, v, w) \
	STEP(f, a, b, c, d, i, p, t) \
	STEP(f, d, a, b, c, j, q, u) \
	STEP(f, c, d, a, b, k, r, v) \
	STEP(f, b, c, d, a, l, s, w)

#define MD5_STEPS \
	MD5_ROW(F, 7, 12, 17, 22, 0, 1, 2, 3, 0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee) \
	MD5_ROW(F, 7, 12, 17, 22, 4, 5, 6, 7, 0xf57c0faf, 0x4787c62a, 0xa8304613, 0xfd469501) \
	MD5_ROW(F, 7, 12, 17, 22, 8, 9, 10, 11, 0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be) \
	MD5_ROW(F, 7, 12, 17, 22, 12, 13, 14, 15, 0x6b901122, 0xfd987193, 0xa679438e, 0x49b40821) \
	MD5_ROW(G, 5, 9, 14, 20, 1, 6, 11, 0, 0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa) \
	MD5_ROW(G, 5, 9, 14, 20, 5, 10, 15, 4, 0xd62f105d, 0x02441453, 0xd8a1e681, 0xe7d3fbc8) \
	MD5_ROW(G, 5, 9, 14, 20, 9, 14, 3, 8, 0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed) \
	MD5_ROW(G, 5, 9, 14, 20, 13, 2, 7, 12, 0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a) \
	MD5_ROW(H, 4, 11, 16, 23, 5, 8, 11, 14, 0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c) \
	MD5_ROW(H, 4, 11, 16, 23, 1, 4, 7, 10, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70) \
	MD5_ROW(H, 4, 11, 16, 23, 13, 0, 3, 6, 0x289b7ec6, 0xeaa127fa, 0xd4ef3085, 0x04881d05) \
	MD5_ROW(H, 4, 11, 16, 23, 9, 12, 15, 2, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665) \
	MD5_ROW(I, 6, 10, 15, 21, 0, 7, 14, 5, 0xf4292244, 0x432aff97, 0xab9423a7, 0xfc93a039) \
	MD5_ROW(I, 6, 10, 15, 21, 12, 3, 10, 1, 0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1) \
	MD5_ROW(I, 6, 10, 15, 21, 8, 15, 6, 13, 0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1) \
	MD5_ROW(I, 6, 10, 15, 21, 4, 11, 2, 9, 0xf7537e82, 0xbd3af235, 0x2ad7d2bb, 0xeb86d391)
