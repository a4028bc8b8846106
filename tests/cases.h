/* How many random cases a test takes. With sanitizers, which watch what code touches and not what it computes, each
 * takes several times as long, and a third of them serves. What is listed by hand is never left out. */
#ifndef GP_TESTS_CASES_H
#define GP_TESTS_CASES_H

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define GP_TESTS_SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define GP_TESTS_SANITIZED 1
#endif

#ifdef GP_TESTS_SANITIZED
#define RANDOM_CASES(n) (((n) + 2) / 3)
#else
#define RANDOM_CASES(n) (n)
#endif

#endif
