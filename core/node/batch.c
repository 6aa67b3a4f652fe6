/* Batches of ops; see batch.h. */
#include <node/batch.h>

struct pp_op *pp_batch_take(struct pp_op *list, struct pp_op **rest)
{
    size_t octets = 0;
    unsigned n = 0;
    struct pp_op **at = &list;
    while (*at && n < PP_BATCH_OPS && (n == 0 || octets + (*at)->weight <= PP_BATCH_OCTETS)) {
        octets += (*at)->weight;
        n++;
        at = &(*at)->next;
    }
    *rest = *at;
    *at = NULL;
    return list;
}

static void batch_fail(struct pp_op *list, int status)
{
    for (struct pp_op *op = list; op; op = op->next) {
        op->status = status;
    }
}

/* One op in a batch of its own. */
static int batch_single(const struct pp_store_plugin *api, struct pp_store *store, struct pp_op *op)
{
    struct pp_batch *batch = api->begin(store);
    if (!batch) {
        return op->status = PP_BROKEN;
    }
    op->status = op->apply(op, batch);
    if (op->status != PP_OK) {
        api->abort(batch);
    } else {
        op->status = api->commit(batch);
    }
    return op->status;
}

static int batch_one_by_one(const struct pp_store_plugin *api, struct pp_store *store,
                            struct pp_op *list)
{
    for (struct pp_op *op = list; op; op = op->next) {
        if (batch_single(api, store, op) == PP_BROKEN) {
            batch_fail(op->next, PP_BROKEN);
            return PP_BROKEN;
        }
    }
    return PP_OK;
}

int pp_batch_run(const struct pp_store_plugin *api, struct pp_store *store, struct pp_op *list)
{
    if (list && !list->next) {
        return batch_single(api, store, list) == PP_BROKEN ? PP_BROKEN : PP_OK;
    }
    struct pp_batch *batch = api->begin(store);
    if (!batch) {
        batch_fail(list, PP_BROKEN);
        return PP_BROKEN;
    }
    for (struct pp_op *op = list; op; op = op->next) {
        op->status = op->apply(op, batch);
        if (op->status == PP_BROKEN) {
            api->abort(batch);
            batch_fail(list, PP_BROKEN);
            return PP_BROKEN;
        }
    }
    int code = api->commit(batch);
    if (code == PP_OK) {
        return PP_OK;
    }
    if (code == PP_BROKEN) {
        batch_fail(list, PP_BROKEN);
        return PP_BROKEN;
    }
    return batch_one_by_one(api, store, list);
}
