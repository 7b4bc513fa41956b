/* team add, members, rotate, list: rosters signed here, the team's key sealed to each member. */
#include <string.h>

#include "client/cli/commands.h"
#include "client/cli/fields.h"
#include "client/cli/pins.h"
#include "client/cli/self.h"
#include "client/cli/team.h"
#include "client/cli/wire.h"
#include "postern/age.h"
#include "postern/age_key.h"
#include "postern/cleanup.h"

/* A key file of one line inside an age file for one member. */
#define SEALED_MAX_BYTES 4096

/* A roster being made. */
struct draft {
    struct pst_uuid team;
    const char *name;
    struct pst_uuid members[PST_ROSTER_MEMBERS_MAX];
    size_t count;
    int64_t serial;
    struct pst_sha256 previous;
    struct pst_secret *identity; /* owned */
};

static enum pst_err add_member(struct pst_cli *cli, struct draft *draft,
                               const struct pst_uuid *member)
{
    size_t at = 0;
    while (at < draft->count && pst_uuid_compare(&draft->members[at], member) < 0)
        at++;
    if (at < draft->count && pst_uuid_equal(&draft->members[at], member))
        return PST_OK;
    if (draft->count == PST_ROSTER_MEMBERS_MAX)
        return pst_cli_fail(cli, PST_ERR_TOO_LONG, "A team has %d members at most.",
                            PST_ROSTER_MEMBERS_MAX);
    memmove(&draft->members[at + 1], &draft->members[at],
            (draft->count - at) * sizeof draft->members[0]);
    draft->members[at] = *member;
    draft->count++;
    return PST_OK;
}

static bool remove_member(struct draft *draft, const struct pst_uuid *member)
{
    for (size_t i = 0; i < draft->count; i++) {
        if (!pst_uuid_equal(&draft->members[i], member))
            continue;
        draft->count--;
        memmove(&draft->members[i], &draft->members[i + 1],
                (draft->count - i) * sizeof draft->members[0]);
        return true;
    }
    return false;
}

/* Every value of a repeated option. */
static enum pst_err add_given(struct pst_cli *cli, struct draft *draft, const char *option)
{
    const char *text = NULL;
    for (size_t i = 0; (text = pst_cli_nth(cli, option, i)) != NULL; i++) {
        struct pst_uuid member;
        enum pst_err err = pst_wire_read_id(cli, text, "a person's id", &member);
        if (err == PST_OK)
            err = add_member(cli, draft, &member);
        if (err != PST_OK)
            return err;
    }
    return PST_OK;
}

/* The team's identity, as a key file of one line, for one verified member. */
static enum pst_err seal_to(struct pst_cli *cli, const struct draft *draft,
                            const struct pst_uuid *member, json_t *sealed)
{
    char id[PST_UUID_TEXT_SIZE];
    pst_uuid_format(member, id);
    enum pst_err err = pst_self_fetch_person(cli, member);
    if (err != PST_OK)
        return err;
    const struct pst_record *record =
        pst_chain_statement_at(cli->self->chain, member, pst_net_now_ms(cli));
    if (record == NULL)
        return pst_cli_fail(cli, PST_ERR_CHAIN,
                            "%s has no certified keys: have they enrolled? Nothing was changed.",
                            id);
    const struct pst_statement *statement = pst_record_statement(record);
    err = pst_pins_see(cli, record, statement->name);
    PST_SECRET struct pst_secret *text = NULL;
    if (err == PST_OK)
        err = pst_age_identity_format(draft->identity, &text);
    if (err != PST_OK)
        return err;
    struct pst_age_recipient to;
    memcpy(to.bytes, statement->recipient_key, sizeof to.bytes);
    struct pst_age_sealing sealing = {.recipients = &to, .recipient_count = 1};
    PST_BUF struct pst_buf file = {.max = SEALED_MAX_BYTES};
    err = pst_age_seal_buf(&sealing, pst_bytes(pst_secret_bytes(text), pst_secret_len(text)), &file,
                           NULL);
    if (err == PST_OK && json_object_set_new(sealed, id, pst_wire_buf(&file)) != 0)
        err = PST_ERR_NOMEM;
    return err;
}

static enum pst_err make_roster(struct pst_cli *cli, const struct draft *draft,
                                struct pst_buf *record)
{
    struct pst_age_recipient recipient;
    char text[PST_AGE_RECIPIENT_CHARS + 1];
    enum pst_err err = pst_age_identity_recipient(draft->identity, &recipient);
    if (err != PST_OK)
        return err;
    pst_age_recipient_format(&recipient, text);
    struct pst_roster body = {.name = draft->name,
                              .recipient = text,
                              .team = draft->team,
                              .serial = draft->serial,
                              .previous = draft->previous,
                              .has_previous = draft->serial > 1,
                              .members = draft->members,
                              .members_count = draft->count};
    return pst_self_record(cli, PST_RECORD_ROSTER, &body, record);
}

/* {roster, sealed}. Given. */
static enum pst_err make_body(struct pst_cli *cli, const struct draft *draft, json_t **ret_body)
{
    PST_JSON json_t *sealed = json_object();
    PST_BUF struct pst_buf record = {.max = PST_RECORD_MAX_BYTES};
    for (size_t i = 0; i < draft->count; i++) {
        enum pst_err err = seal_to(cli, draft, &draft->members[i], sealed);
        if (err != PST_OK)
            return err;
    }
    enum pst_err err = make_roster(cli, draft, &record);
    if (err != PST_OK)
        return err;
    *ret_body = json_pack("{s:o, s:O}", "roster", pst_wire_text(&record), "sealed", sealed);
    return *ret_body != NULL ? PST_OK : PST_ERR_NOMEM;
}

static enum pst_err team_add(struct pst_cli *cli, struct draft *draft)
{
    PST_JSON json_t *body = NULL;
    PST_JSON json_t *added = NULL;
    enum pst_err err = pst_self_ring(cli);
    if (err == PST_OK)
        err = add_member(cli, draft, &cli->self->person);
    if (err == PST_OK)
        err = add_given(cli, draft, "member");
    if (err == PST_OK)
        err = pst_age_identity_generate(NULL, &draft->identity);
    if (err != PST_OK)
        return err;
    pst_self_new_id(cli, &draft->team);
    err = make_body(cli, draft, &body);
    if (err != PST_OK)
        return err;
    (void)json_object_set_new(body, "id", pst_wire_uuid(&draft->team));
    (void)json_object_set_new(body, "name", json_string(draft->name));
    err = pst_net_json(cli, "POST", "/v1/teams", body, &added);
    if (err == PST_OK) {
        pst_wire_result(cli, added);
        pst_cli_print(cli, "Added: %s", pst_wire_get(added, "id"));
    }
    return err;
}

enum pst_err pst_cmd_team_add(struct pst_cli *cli)
{
    struct draft draft = {.name = pst_cli_get(cli, "name"), .serial = 1};
    enum pst_err err = team_add(cli, &draft);
    pst_secret_free(&draft.identity);
    return err;
}

enum pst_err pst_cmd_team_list(struct pst_cli *cli)
{
    static const char *const columns[] = {"id", "name", "members", NULL};
    return pst_fields_list(cli, "/v1/teams", columns, "There is no team yet.");
}

static enum pst_err remove_given(struct pst_cli *cli, struct draft *draft)
{
    const char *text = NULL;
    for (size_t i = 0; (text = pst_cli_nth(cli, "remove", i)) != NULL; i++) {
        struct pst_uuid member;
        enum pst_err err = pst_wire_read_id(cli, text, "a person's id", &member);
        if (err != PST_OK)
            return err;
        if (!remove_member(draft, &member))
            return pst_cli_fail(cli, PST_ERR_NOT_FOUND, "%s is not in this team.", text);
    }
    return PST_OK;
}

/* What the next roster starts from. */
static enum pst_err start_from(struct pst_cli *cli, const struct pst_record *now,
                               struct draft *draft)
{
    const struct pst_roster *roster = pst_record_roster(now);
    draft->team = roster->team;
    draft->name = pst_cli_has(cli, "name") ? pst_cli_get(cli, "name") : roster->name;
    draft->serial = roster->serial + 1;
    draft->previous = *pst_record_hash(now);
    for (size_t i = 0; i < roster->members_count; i++) {
        enum pst_err err = add_member(cli, draft, &roster->members[i]);
        if (err != PST_OK)
            return err;
    }
    return PST_OK;
}

static enum pst_err print_members(struct pst_cli *cli, const struct pst_record *now,
                                  const json_t *answer)
{
    if (cli->json) {
        pst_cli_print_json(cli, answer);
        return PST_OK;
    }
    const struct pst_roster *roster = pst_record_roster(now);
    for (size_t i = 0; i < roster->members_count; i++) {
        char id[PST_UUID_TEXT_SIZE];
        const struct pst_record *who =
            pst_chain_statement_at(cli->self->chain, &roster->members[i], pst_net_now_ms(cli));
        pst_uuid_format(&roster->members[i], id);
        fprintf(cli->out, "%s  ", id);
        pst_cli_write_safe(cli->out, who != NULL ? pst_record_statement(who)->name : "", false);
        fputc('\n', cli->out);
    }
    return PST_OK;
}

/* The roster after `now` by the options; with a new key when asked for or when somebody leaves. */
static enum pst_err change_members(struct pst_cli *cli, struct draft *draft,
                                   const struct pst_record *now, bool rotate)
{
    PST_JSON json_t *body = NULL;
    bool leaves = rotate || pst_cli_has(cli, "remove");
    enum pst_err err = start_from(cli, now, draft);
    if (err == PST_OK)
        err = add_given(cli, draft, "add");
    if (err == PST_OK)
        err = remove_given(cli, draft);
    if (err != PST_OK)
        return err;
    /* Who leaves keeps the old key: what comes from now on is under another. */
    err = leaves ? pst_age_identity_generate(NULL, &draft->identity)
                 : pst_team_identity(cli, &draft->team, &pst_record_roster(now)->recipient_id,
                                     &draft->identity);
    if (err == PST_OK)
        err = make_body(cli, draft, &body);
    if (err == PST_OK)
        err = pst_fields_send(cli, "PUT", "/v1/teams/%s/roster", cli->operands[0], body, NULL);
    if (err == PST_OK)
        pst_cli_print(cli, rotate   ? "The team has a new key."
                           : leaves ? "The team has new members and a new key."
                                    : "The team has new members.");
    return err;
}

/* Shows the team's members, or makes the roster that follows. */
static enum pst_err show_or_change(struct pst_cli *cli, bool change, bool rotate)
{
    struct draft draft = {0};
    PST_JSON json_t *answer = NULL;
    const struct pst_record *now = NULL;
    struct pst_uuid team;
    enum pst_err err = pst_fields_id(cli, "a team's id", &team);
    if (err == PST_OK)
        err = pst_self_ring(cli);
    if (err == PST_OK)
        err = pst_team_fetch(cli, &team, &answer, &now);
    if (err != PST_OK)
        return err;
    err = change ? change_members(cli, &draft, now, rotate) : print_members(cli, now, answer);
    pst_secret_free(&draft.identity);
    return err;
}

enum pst_err pst_cmd_team_members(struct pst_cli *cli)
{
    bool change = pst_cli_has(cli, "add") || pst_cli_has(cli, "remove") || pst_cli_has(cli, "name");
    return show_or_change(cli, change, /* rotate= */ false);
}

enum pst_err pst_cmd_team_rotate(struct pst_cli *cli)
{
    return show_or_change(cli, /* change= */ true, /* rotate= */ true);
}
