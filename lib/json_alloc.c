#include "json_alloc.h"

#include <malloc.h>
#include <setjmp.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>

/*
 * Behind every block Jansson gets, so that what it hands out (json_dumps) can still
 * be given to free(). While a parse is under way its blocks are a ring, so that
 * they can be freed when it cannot go on; else next is NULL.
 */
struct block {
    void *at; /* where it begins */
    struct block *next;
    struct block *prev;
};

struct parse {
    jmp_buf out_of_memory;
    struct block ring;
};

/* The parse under way in this thread; NULL: none. */
static _Thread_local struct parse *parsing;
static atomic_bool wiping;

/*
 * UNSAFE: arithmetic on what the allocator says a block holds, which is at least
 * what block_malloc asked for: size rounded up to the alignment, and a struct block.
 */
static struct block *block_behind(void *at)
{
    size_t offset = (malloc_usable_size(at) - sizeof(struct block)) & ~(_Alignof(struct block) - 1);
    return (struct block *)(void *)((uint8_t *)at + offset);
}

static void *block_malloc(size_t size)
{
    size_t more = sizeof(struct block) + _Alignof(struct block);
    void *at = size > SIZE_MAX - more ? NULL : malloc(size + more);
    if (at == NULL) {
        if (parsing != NULL)
            longjmp(parsing->out_of_memory, 1);
        return NULL;
    }
    struct block *block = block_behind(at);
    block->at = at;
    block->next = NULL;
    if (parsing != NULL) {
        block->next = &parsing->ring;
        block->prev = parsing->ring.prev;
        block->prev->next = block;
        parsing->ring.prev = block;
    }
    return at;
}

static void release(void *at)
{
    if (atomic_load_explicit(&wiping, memory_order_relaxed))
        sodium_memzero(at, malloc_usable_size(at));
    free(at);
}

static void block_free(void *at)
{
    if (at == NULL)
        return;
    struct block *block = block_behind(at);
    if (block->next != NULL) {
        block->next->prev = block->prev;
        block->prev->next = block->next;
    }
    release(at);
}

/* Before main: no thread is in Jansson yet. */
__attribute__((constructor)) static void set_functions(void)
{
    json_set_alloc_funcs(block_malloc, block_free);
}

/* The parse's blocks are on their own: anybody may free them, in any thread. */
static void keep_all(struct parse *parse)
{
    struct block *block = parse->ring.next;
    while (block != &parse->ring) {
        struct block *next = block->next;
        block->next = NULL;
        block = next;
    }
}

static void free_all(struct parse *parse)
{
    struct block *block = parse->ring.next;
    while (block != &parse->ring) {
        struct block *next = block->next;
        release(block->at);
        block = next;
    }
}

json_t *pst_json_load(struct pst_bytes text, size_t flags, enum pst_err *ret_err)
{
    struct parse parse = {.ring = {.next = &parse.ring, .prev = &parse.ring}};
    json_error_t error;
    parsing = &parse;
    if (setjmp(parse.out_of_memory) != 0) {
        parsing = NULL;
        free_all(&parse);
        *ret_err = PST_ERR_NOMEM;
        return NULL;
    }
    json_t *json = json_loadb((const char *)text.ptr, text.len, flags, &error);
    parsing = NULL;
    keep_all(&parse);
    if (json == NULL)
        *ret_err = PST_ERR_SYNTAX;
    return json;
}

void pst_json_alloc_wipe(void)
{
    atomic_store(&wiping, true);
}
