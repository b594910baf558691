/* Which commands are known to be brief.
 *
 * The TEE's last thread is what lets a cancellation in, so it is lent only to calls that
 * give it back soon.  Nobody says so of a command; what is known is how long it took of
 * late: TEED_BRIEF_RUNS in a row that were brief, by whomever.  A command that was never
 * seen, or once took longer, has yet to earn it.
 *
 * The table forgets: two commands that fall on the same record push each other out, and
 * what is forgotten waits for a thread like any other. */
#include "core.h"

#include <string.h>

uint8_t teed_streak(uint8_t streak, bool was_brief)
{
    if (!was_brief)
        return 0;
    return streak < TEED_BRIEF_RUNS ? streak + 1 : streak;
}

static size_t place_of(const uint8_t *application, uint32_t command)
{
    uint64_t mixed = command * 0x9e3779b97f4a7c15u;
    for (int i = 0; i < 16; i++)
        mixed = (mixed ^ application[i]) * 0x100000001b3u;
    return (mixed >> 32) % TEED_RECORDS;
}

static bool is_about(const struct teed_record *record, const uint8_t *application,
                     uint32_t command)
{
    return record->command == command && memcmp(record->application, application, 16) == 0;
}

bool teed_is_brief(const struct teed_records *records, const uint8_t *application,
                   uint32_t command)
{
    const struct teed_record *record = &records->record[place_of(application, command)];
    return record->streak == TEED_BRIEF_RUNS && is_about(record, application, command);
}

void teed_note(struct teed_records *records, const uint8_t *application, uint32_t command,
               uint64_t took_ns)
{
    struct teed_record *record = &records->record[place_of(application, command)];
    if (!is_about(record, application, command)) {
        memcpy(record->application, application, 16);
        record->command = command;
        record->streak = 0;
    }
    record->streak = teed_streak(record->streak, took_ns <= records->brief_ns);
}
