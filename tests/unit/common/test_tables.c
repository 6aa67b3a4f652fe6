/* A few sorted lists seen as one. */
#include <check.h>
#include <stdlib.h>

#include "toy.h"

static struct toy toy;

static void test_lists_as_one(void)
{
    static const uint8_t known[] = {10, 20, 30, 40, 110};
    struct pp_entry *all[PP_TABLES_MAX];
    struct pp_peer peers[16];
    toy_member(&toy, known, 5); /* each list holds the four nearest its way */
    struct pp_member *m = &toy.n->m;
    struct pp_id up = peer_number(110).id, down = peer_number(40).id, none = peer_number(50).id;
    CU_ASSERT_EQUAL(pp_tables_known(m), 8);
    CU_ASSERT_EQUAL(pp_tables_peers(m, peers, 16), 8);
    CU_ASSERT_EQUAL(pp_tables_peers(m, peers, 6), 6);
    CU_ASSERT_TRUE(pp_id_equal(&peers[0].id, &up));
    CU_ASSERT_EQUAL(pp_tables_entries(m, &up, all), 1);
    CU_ASSERT_PTR_NULL(pp_tables_entry(m, &none));
    CU_ASSERT_EQUAL(pp_tables_entries(m, &none, all), 0);
    struct pp_id middle = peer_number(20).id;
    CU_ASSERT_EQUAL(pp_tables_entries(m, &middle, all), 2);
    CU_ASSERT_PTR_EQUAL(all[0], pp_tables_entry(m, &middle));
    CU_ASSERT_EQUAL(pp_tables_remove(m, &middle), 3);
    CU_ASSERT_EQUAL(pp_tables_remove(m, &middle), 0);
    CU_ASSERT_EQUAL(pp_tables_remove(m, &up), 1);
    CU_ASSERT_EQUAL(pp_tables_remove(m, &down), 2);
    pp_tables_free(m);
    CU_ASSERT_EQUAL(pp_tables_known(m), 0);
    toy_end(&toy);
}

CHECK_MAIN("tables", CHECK(test_lists_as_one))
