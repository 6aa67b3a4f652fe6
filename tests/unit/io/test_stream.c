/* Plain byte streams over a socket pair: what goes at once, what waits, and the ends. */
#include <check.h>
#include <fcntl.h>
#include <io/stream.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

struct end {
    struct pp_loop *loop;
    struct pp_stream *stream;
    int other;
    unsigned readable, writable;
    bool close_in_callback;
};

static void on_stream(void *ctx, unsigned events)
{
    struct end *e = ctx;
    e->readable += events & PP_READABLE ? 1 : 0;
    e->writable += events & PP_WRITABLE ? 1 : 0;
    if (e->close_in_callback) {
        pp_stream_close(e->stream);
        e->stream = NULL;
    } else {
        pp_stream_want(e->stream, 0);
    }
}

static void open_end(struct end *e)
{
    int pair[2];
    memset(e, 0, sizeof *e);
    CHECK_FATAL(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) == 0);
    e->loop = pp_loop_create();
    e->other = pair[1];
    e->stream = pp_stream_create(e->loop, pair[0], on_stream, e);
    CHECK_FATAL(e->stream != NULL);
}

static void close_end(struct end *e)
{
    pp_stream_close(e->stream);
    close(e->other);
    pp_loop_destroy(e->loop);
}

static void test_reading(void)
{
    struct end e;
    char out[8];
    open_end(&e);
    CU_ASSERT_EQUAL(pp_stream_read(e.stream, out, sizeof out), PP_AGAIN);
    pp_stream_want(e.stream, PP_READABLE);
    CU_ASSERT_EQUAL(write(e.other, "abc", 3), 3);
    pp_loop_turn(e.loop, true);
    CU_ASSERT_EQUAL(e.readable, 1);
    CU_ASSERT_EQUAL(pp_stream_read(e.stream, out, sizeof out), 3);
    shutdown(e.other, SHUT_WR);
    CU_ASSERT_EQUAL(pp_stream_read(e.stream, out, sizeof out), 0);
    CU_ASSERT_FALSE(pp_stream_is_tls(e.stream) || pp_stream_unsent(e.stream));
    CU_ASSERT_PTR_NULL(pp_stream_peer(e.stream));
    close_end(&e);
}

static size_t drain(int fd)
{
    static char sink[65536];
    size_t all = 0;
    ssize_t n;
    while ((n = read(fd, sink, sizeof sink)) > 0) {
        all += (size_t)n;
    }
    return all;
}

static void test_writing_takes_what_goes(void)
{
    static uint8_t data[1 << 20];
    struct pp_bytes spans[] = {{data, 10}, {data, 0}, {data, sizeof data - 10}};
    struct end e;
    open_end(&e);
    int64_t took = pp_stream_write(e.stream, spans, 3, false);
    CU_ASSERT_TRUE(took > 10 && took < (int64_t)sizeof data);
    CU_ASSERT_EQUAL(pp_stream_write(e.stream, spans, 1, false), 0);
    pp_stream_want(e.stream, PP_WRITABLE);
    pp_loop_turn(e.loop, false);
    CU_ASSERT_EQUAL(e.writable, 0);
    CU_ASSERT_EQUAL(drain(e.other), took);
    pp_loop_turn(e.loop, true);
    CU_ASSERT_EQUAL(e.writable, 1);
    pp_stream_shutdown(e.stream);
    CU_ASSERT_EQUAL(pp_stream_write(e.stream, spans, 1, false), PP_IO);
    close_end(&e);
}

static void test_a_peer_that_went(void)
{
    struct pp_bytes span = pp_str("abc");
    struct end e;
    open_end(&e);
    close(e.other);
    e.other = open("/dev/null", O_RDONLY);
    CU_ASSERT_EQUAL(pp_stream_write(e.stream, &span, 1, false), PP_IO);
    close_end(&e);
}

static void test_sending_a_file(void)
{
    struct end e;
    int file = memfd_create("file", MFD_CLOEXEC);
    CHECK_FATAL(ftruncate(file, 1 << 20) == 0);
    open_end(&e);
    int64_t took = pp_stream_send_file(e.stream, file, 100, 50);
    CU_ASSERT_EQUAL(took, 50);
    took = pp_stream_send_file(e.stream, file, 0, 1 << 20);
    CU_ASSERT_TRUE(took > 0 && took < 1 << 20);
    CU_ASSERT_EQUAL(drain(e.other), 50 + took);
    /* A file shorter than was said. */
    CU_ASSERT_EQUAL(pp_stream_send_file(e.stream, file, 1 << 20, 10), PP_IO);
    close(file);
    close_end(&e);
}

static void test_closing_inside_the_callback(void)
{
    struct end e;
    open_end(&e);
    e.close_in_callback = true;
    pp_stream_want(e.stream, PP_READABLE | PP_WRITABLE);
    CU_ASSERT_EQUAL(write(e.other, "abc", 3), 3);
    pp_loop_turn(e.loop, true);
    CU_ASSERT_PTR_NULL(e.stream);
    char c;
    CU_ASSERT_TRUE(read(e.other, &c, 1) <= 0);
    close_end(&e);
}

CHECK_MAIN("stream", CHECK(test_reading), CHECK(test_writing_takes_what_goes),
           CHECK(test_a_peer_that_went), CHECK(test_sending_a_file),
           CHECK(test_closing_inside_the_callback))
