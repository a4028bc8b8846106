/* Copies that go past the caches, for what is larger than they are and not read soon: memory need not be read
 * before it is written, and what is in the caches stays there. */
#ifndef GP_BASE_PAST_CACHE_H
#define GP_BASE_PAST_CACHE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

/* The 64 bytes of a line of the cache, `to` being where one begins; in as few steps as the instruction set has that this is
 * compiled for. */
static inline void gp_line_past_cache(void *to, const void *from)
{
#if defined(__AVX512F__)
    _mm512_stream_si512(to, _mm512_loadu_si512(from));
#elif defined(__x86_64__)
    for (size_t k = 0; k < 64; k += 16)
        _mm_stream_si128((void *)((char *)to + k), _mm_loadu_si128((const void *)((const char *)from + k)));
#else
    memcpy(to, from, 64);
#endif
}

/* They are ordered with nothing: gp_past_cache_end comes before anybody else is told, once for all of them, as it
 * waits until memory has everything. */
static inline void gp_copy_past_cache(void *to, const void *from, size_t bytes)
{
#if defined(__x86_64__)
    enum { LINE_OF_CACHE = 64 };
    char *d = to;
    const char *s = from;
    size_t head = (size_t)(-(uintptr_t)d % LINE_OF_CACHE);
    if (bytes >= head + LINE_OF_CACHE) {
        memcpy(d, s, head);
        size_t i = head;
        for (; i + LINE_OF_CACHE <= bytes; i += LINE_OF_CACHE) gp_line_past_cache(d + i, s + i);
        memcpy(d + i, s + i, bytes - i);
        return;
    }
#endif
    memcpy(to, from, bytes);
}

static inline void gp_past_cache_end(void)
{
#if defined(__x86_64__)
    _mm_sfence();
#endif
}

#endif
