/* The mailbox: nothing is lost, each poster's order is kept, wakes wake, and the box may go as
 * soon as the last mail was taken. */
#include "stream/mailbox.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <signal.h>

typedef struct letter {
    gp_mail mail;
    unsigned from, number;
} letter;

static void order(void **state)
{
    (void)state;
    gp_mailbox box;
    letter l[3] = {{.number = 0}, {.number = 1}, {.number = 2}};
    assert_true(gp_mailbox_init(&box));
    for (int i = 0; i < 3; i++) gp_mailbox_post(&box, &l[i].mail);
    for (int i = 0; i < 3; i++) assert_ptr_equal(gp_mailbox_take(&box), &l[i].mail);
    gp_mailbox_post(&box, &l[2].mail); /* a mail may be used again */
    gp_mailbox_wake(&box);
    assert_ptr_equal(gp_mailbox_take(&box), &l[2].mail); /* mails go before wakes */
    assert_null(gp_mailbox_take(&box));
    /* A wake that was overtaken by a mail is still one answer. */
    gp_mailbox_wake(&box);
    gp_mailbox_post(&box, &l[0].mail);
    assert_ptr_equal(gp_mailbox_take(&box), &l[0].mail);
    assert_null(gp_mailbox_take(&box));
    gp_mailbox_destroy(&box);
}

enum { POSTERS = 4, LETTERS = 5000 };

typedef struct poster {
    gp_mailbox *box;
    letter *letter;
} poster;

static void *post_all(void *ctx)
{
    poster *p = ctx;
    for (int i = 0; i < LETTERS; i++) gp_mailbox_post(p->box, &p->letter[i].mail);
    return NULL;
}

static void *wake_often(void *ctx)
{
    for (int i = 0; i < LETTERS; i++) gp_mailbox_wake(ctx);
    return NULL;
}

static void many_posters(void **state)
{
    (void)state;
    gp_mailbox box;
    pthread_t thread[POSTERS + 1];
    poster p[POSTERS];
    unsigned next[POSTERS] = {0}, wakes = 0;
    letter *all = calloc(POSTERS * LETTERS, sizeof *all);
    assert_non_null(all);
    assert_true(gp_mailbox_init(&box));
    for (unsigned t = 0; t < POSTERS; t++) {
        p[t] = (poster){&box, all + t * LETTERS};
        for (unsigned i = 0; i < LETTERS; i++) p[t].letter[i] = (letter){.from = t, .number = i};
        assert_int_equal(pthread_create(&thread[t], NULL, post_all, &p[t]), 0);
    }
    assert_int_equal(pthread_create(&thread[POSTERS], NULL, wake_often, &box), 0);
    for (unsigned taken = 0; taken < POSTERS * LETTERS + LETTERS; taken++) {
        letter *l = (letter *)gp_mailbox_take(&box);
        if (l == NULL) {
            wakes++;
            continue;
        }
        assert_int_equal(l->number, next[l->from]++);
    }
    for (unsigned t = 0; t <= POSTERS; t++) pthread_join(thread[t], NULL);
    for (unsigned t = 0; t < POSTERS; t++) assert_int_equal(next[t], LETTERS);
    assert_int_equal(wakes, LETTERS);
    gp_mailbox_destroy(&box);
    free(all);
}

static void *post_one(void *ctx)
{
    poster *p = ctx;
    gp_mailbox_post(p->box, &p->letter->mail);
    return NULL;
}

/* For the sanitizers: the box's memory is gone while the poster may still be on its way out. */
static void destroyed_at_once(void **state)
{
    (void)state;
    for (int i = 0; i < 300; i++) {
        gp_mailbox *box = malloc(sizeof *box);
        letter l = {.number = 1};
        poster p = {box, &l};
        pthread_t thread;
        assert_true(box != NULL && gp_mailbox_init(box));
        assert_int_equal(pthread_create(&thread, NULL, post_one, &p), 0);
        assert_ptr_equal(gp_mailbox_take(box), &l.mail);
        gp_mailbox_destroy(box);
        pthread_join(thread, NULL);
        free(box);
    }
}

static gp_mailbox *handlers_box;
static void on_signal(int number)
{
    (void)number;
    gp_mailbox_wake(handlers_box);
}

static void woken_by_a_handler(void **state)
{
    (void)state;
    gp_mailbox box;
    struct sigaction action = {.sa_handler = on_signal}, before;
    assert_true(gp_mailbox_init(&box));
    handlers_box = &box;
    assert_int_equal(sigaction(SIGUSR1, &action, &before), 0);
    raise(SIGUSR1);
    assert_null(gp_mailbox_take(&box));
    sigaction(SIGUSR1, &before, NULL);
    gp_mailbox_destroy(&box);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(order),
        cmocka_unit_test(many_posters),
        cmocka_unit_test(destroyed_at_once),
        cmocka_unit_test(woken_by_a_handler),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
