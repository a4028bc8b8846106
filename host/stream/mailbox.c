#include "stream/mailbox.h"

#include <errno.h>

bool gp_mailbox_init(gp_mailbox *box)
{
    *box = (gp_mailbox){0};
    if (pthread_mutex_init(&box->lock, NULL) != 0) return false;
    if (sem_init(&box->arrived, 0, 0) != 0) {
        pthread_mutex_destroy(&box->lock);
        return false;
    }
    return true;
}

void gp_mailbox_destroy(gp_mailbox *box)
{
    sem_destroy(&box->arrived);
    pthread_mutex_destroy(&box->lock);
}

void gp_mailbox_post(gp_mailbox *box, gp_mail *mail)
{
    /* The semaphore is raised under the lock: the loop that takes the last mail locks
     * too, so it cannot destroy the box while a poster is still inside. */
    pthread_mutex_lock(&box->lock);
    mail->next = NULL;
    if (box->last != NULL) box->last->next = mail;
    else box->first = mail;
    box->last = mail;
    sem_post(&box->arrived);
    pthread_mutex_unlock(&box->lock);
}

void gp_mailbox_wake(gp_mailbox *box) { sem_post(&box->arrived); }

gp_mail *gp_mailbox_take(gp_mailbox *box)
{
    while (sem_wait(&box->arrived) != 0 && errno == EINTR) {
    }
    pthread_mutex_lock(&box->lock);
    gp_mail *mail = box->first;
    if (mail != NULL) {
        box->first = mail->next;
        if (box->first == NULL) box->last = NULL;
    }
    pthread_mutex_unlock(&box->lock);
    return mail;
}
