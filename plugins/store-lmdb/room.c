/*
 * Room on the disk ahead of LMDB. LMDB calls the first short write on a full disk EIO, which must
 * mean a broken store; so every page a commit could write is allocated before it, and a full disk
 * is met here, where nothing has happened yet. Behind the last page a reserve stays for removals,
 * whose commits too need fresh pages before the freed ones come back.
 */
#include "lmdb_store.h"

#include <peerpost/crash.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#define STEP_MIN ((uint64_t)1024 * 1024)
#define STEP_MAX ((uint64_t)64 * 1024 * 1024)

static int allocate(int fd, uint64_t from, uint64_t len)
{
    int rc;
    do {
        rc = fallocate(fd, 0, (off_t)from, (off_t)len) < 0 ? errno : 0;
    } while (rc == EINTR);
    return rc == EOPNOTSUPP ? posix_fallocate(fd, (off_t)from, (off_t)len) : rc;
}

/* Grows data.mdb to at least `need`: a step ahead, or on a nearly full disk just that. */
static int grow(struct lmdb_store *s, uint64_t need)
{
    if (need <= s->allocated) {
        return PP_OK;
    }
    uint64_t step = s->allocated / 4, least = need - s->allocated;
    step = step < STEP_MIN ? STEP_MIN : step > STEP_MAX ? STEP_MAX : step;
    uint64_t len = step > least ? step : least;
    int error = allocate(s->data, s->allocated, len);
    if ((error == ENOSPC || error == EDQUOT) && len > least) {
        len = least;
        error = allocate(s->data, s->allocated, len);
    }
    if (error) {
        return error == EIO ? PP_BROKEN : PP_FULL;
    }
    s->allocated += len;
    pp_crash("store-grow");
    return PP_OK;
}

static uint64_t last_page(struct lmdb_store *s)
{
    MDB_envinfo info;
    mdb_env_info(s->env, &info);
    return info.me_last_pgno;
}

static uint64_t pages(const MDB_stat *st)
{
    return st->ms_branch_pages + st->ms_leaf_pages + st->ms_overflow_pages;
}

uint64_t lmdb_room_used(struct lmdb_store *s, MDB_txn *txn)
{
    MDB_stat st;
    return mdb_stat(txn, s->rows, &st) ? 0 : pages(&st) * LMDB_PAGE;
}

void lmdb_room_open(struct lmdb_store *s)
{
    struct stat st;
    uint64_t size = fstat(s->data, &st) == 0 ? (uint64_t)st.st_size : 0;
    /* A copied file may have holes; filling them costs nothing where there are none. */
    s->allocated = size > 0 && allocate(s->data, 0, size) == 0 ? size : 0;
    (void)grow(s, (last_page(s) + 1) * LMDB_PAGE + s->reserve); /* full: only removals then */
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* The most pages this transaction can take anew: each row touches its way from the root, but no
 * more pages than there are; then what the list of free pages needs for itself. */
static uint64_t most_pages(const MDB_stat *rows, const MDB_stat *list, uint64_t free_pages,
                           const struct lmdb_work *work)
{
    uint64_t leaves = least(2 * work->rows, rows->ms_leaf_pages + 1);
    uint64_t branches = least(rows->ms_depth * work->rows, rows->ms_branch_pages + 1);
    uint64_t own = leaves + branches + work->pages;
    return own + pages(list) + 2 * list->ms_depth + (own + work->rows + free_pages) / 400 + 8;
}

int lmdb_room_ensure(struct lmdb_store *s, MDB_txn *txn, const struct lmdb_work *work, bool adding)
{
    MDB_stat rows, list;
    int rc = mdb_stat(txn, s->rows, &rows);
    rc = rc ? rc : mdb_stat(txn, 0, &list); /* 0: LMDB's list of free pages */
    if (rc) {
        return lmdb_code(rc);
    }
    uint64_t total = last_page(s) + 1, busy = 2 + pages(&rows) + pages(&list);
    uint64_t free_pages = total > busy ? total - busy : 0;
    uint64_t most = most_pages(&rows, &list, free_pages, work);
    /* Free pages come back two commits later, so a good many of them must be there to count. */
    uint64_t fresh = free_pages > 4 * most ? 0 : most;
    uint64_t end = (total + fresh) * LMDB_PAGE + (adding ? s->reserve : 0);
    uint64_t sure = (total + most) * LMDB_PAGE;
    return grow(s, end > sure ? end : sure);
}
