/* How other threads tell the loop that something ended: they post, it takes.
 * Posting never blocks for long, never fails, and is legal from any thread;
 * gp_mailbox_wake is legal in a signal handler too. */
#ifndef GP_STREAM_MAILBOX_H
#define GP_STREAM_MAILBOX_H

#include "base/error.h"

#include <pthread.h>
#include <semaphore.h>

typedef struct gp_mail gp_mail;
struct gp_mail {
    gp_mail *next; /* the mailbox's */
};

typedef struct gp_mailbox {
    pthread_mutex_t lock;
    sem_t arrived;
    gp_mail *first, *last;
} gp_mailbox;

/* False where the system refuses. */
bool gp_mailbox_init(gp_mailbox *box);
void gp_mailbox_destroy(gp_mailbox *box);

/* The mail is the poster's; it is not touched again once it was taken. */
void gp_mailbox_post(gp_mailbox *box, gp_mail *mail);
/* Makes a waiting gp_mailbox_take return NULL. */
void gp_mailbox_wake(gp_mailbox *box);
/* Waits for a mail, in the order of posting; NULL after a wake. */
gp_mail *gp_mailbox_take(gp_mailbox *box);

#endif
