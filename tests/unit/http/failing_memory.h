/*
 * Memory that fails: the linker sends every allocation of what is linked statically here (--wrap).
 * One include a program.
 */
#ifndef TESTS_HTTP_FAILING_MEMORY_H
#define TESTS_HTTP_FAILING_MEMORY_H

#include <stdbool.h>
#include <stddef.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);

static long countdown = -1; /* allocations until one fails; negative: none does */
static bool one_failed;

static bool fails(void)
{
    if (countdown < 0 || countdown-- > 0) {
        return false;
    }
    one_failed = true;
    return true;
}

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
    return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t size)
{
    return fails() ? NULL : __real_realloc(p, size);
}

#endif
