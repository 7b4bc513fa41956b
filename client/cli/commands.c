#include "client/cli/commands.h"

#include <stddef.h>

#include "client/cli/invite.h"

#define END                                                                                        \
    {                                                                                              \
        NULL, 0, NULL, NULL, 0                                                                     \
    }

static const struct pst_cli_option enrol_options[] = {
    {"login", 0, "NAME", "login name to take", 0},
    {"recovery-code-file", 0, "FILE", "write the recovery code there instead of showing it",
     PST_CLI_FILE},
    END,
};

static const struct pst_cli_option login_options[] = {
    {"login", 0, "NAME", "login name, when the profile does not know it", 0},
    {"recovery", 0, NULL, "sign in with the recovery code instead of the passphrase", 0},
    {"recovery-code-file", 0, "FILE", "read the recovery code there", PST_CLI_FILE},
    END,
};

static const struct pst_cli_option patient_add_options[] = {
    {"name", 0, "NAME", "the patient's name", PST_CLI_REQUIRED},
    {"birth", 0, "DATE", "date of birth, YYYY-MM-DD", PST_CLI_REQUIRED},
    {"document", 0, "TEXT", "what identity was checked by", PST_CLI_REQUIRED},
    {"language", 0, "en|es", "language of terms and notices (en)", 0},
    {"email", 0, "ADDRESS", "private e-mail address", 0},
    {"phone", 0, "NUMBER", "telephone number", 0},
    END,
};

static const struct pst_cli_option patient_list_options[] = {
    {"name", 0, "NAME", "only with exactly this name", 0},
    {"email", 0, "ADDRESS", "only with exactly this address", 0},
    END,
};

static const struct pst_cli_option patient_change_options[] = {
    {"name", 0, "NAME", "the new name", 0},
    {"language", 0, "en|es", "the new language", 0},
    {"email", 0, "ADDRESS", "the new e-mail address", 0},
    {"phone", 0, "NUMBER", "the new telephone number", 0},
    END,
};

static const struct pst_cli_option invite_options[] = {
    PST_INVITE_OPTIONS,
    END,
};

static const struct pst_cli_option patient_visit_options[] = {
    {"clinician", 0, "ID", "who gave the service", PST_CLI_REQUIRED},
    {"date", 0, "DATE", "when, YYYY-MM-DD", PST_CLI_REQUIRED},
    {"kind", 0, "in-person|telehealth", "how", PST_CLI_REQUIRED},
    {"code", 0, "CODE", "CPT code of the service", 0},
    END,
};

static const struct pst_cli_option patient_represent_options[] = {
    {"name", 0, "NAME", "name of somebody new, who is invited", 0},
    {"person", 0, "ID", "somebody who has an account here", 0},
    {"authority", 0, "WORD", "parent, guardian, power-of-attorney or other", 0},
    {"until", 0, "DATE", "last day of the authority", 0},
    {"end", 0, NULL, "end it", 0},
    PST_INVITE_OPTIONS,
    END,
};

static const struct pst_cli_option patient_restrict_options[] = {
    {"kind", 0, "WORD", "no-messages, no-email-notice, no-sms-notice or not-team", 0},
    {"team", 0, "ID", "the team, for not-team", 0},
    {"note", 0, "TEXT", "what the patient said", 0},
    {"end", 0, "ID", "end the request with this id", 0},
    END,
};

static const struct pst_cli_option patient_break_glass_options[] = {
    {"reason", 0, "TEXT", "why it cannot wait", PST_CLI_REQUIRED},
    {"minutes", 0, "N", "for how long", PST_CLI_REQUIRED},
    END,
};

static const struct pst_cli_option patient_merge_options[] = {
    {"into", 0, "ID", "the record that stays", PST_CLI_REQUIRED},
    END,
};

static const struct pst_cli_option patient_end_options[] = {
    {"reason", 0, "WORD", "moved, deceased, discharged or other", PST_CLI_REQUIRED},
    END,
};

static const struct pst_cli_option consent_terms_options[] = {
    {"language", 0, "en|es", "only in this language", 0},
    END,
};

static const struct pst_cli_option consent_record_options[] = {
    {"decision", 0, "given|refused", "what was decided (given)", 0},
    {"purpose", 0, "P[=ADDRESS]", "messages (when none is given), images, email-notice, ...",
     PST_CLI_REPEATED},
    {"yes-discussed", 0, "NAME,...", "security measures that were talked through",
     PST_CLI_REPEATED},
    {"language", 0, "en|es", "language of the terms (the patient's)", 0},
    {"terms", 0, "ID", "which terms, where there are several", 0},
    {"method", 0, "WORD", "in-person, telephone, paper or patient", 0},
    {"signer", 0, "NAME", "who agreed, when not the patient", 0},
    {"witness", 0, "NAME", "who witnessed it", 0},
    {"expires", 0, "DATE", "last day", 0},
    {"to-sign", 0, "FILE", "write the record there for an enrolled patient to sign", PST_CLI_FILE},
    END,
};

static const struct pst_cli_option consent_sign_options[] = {
    {"yes", 0, NULL, "without being asked", 0},
    END,
};

static const struct pst_cli_option consent_withdraw_options[] = {
    {"method", 0, "WORD", "in-person, telephone, paper or patient", 0},
    {"signer", 0, "NAME", "who withdrew, when not the patient", 0},
    {"witness", 0, "NAME", "who witnessed it", 0},
    END,
};

static const struct pst_cli_option team_add_options[] = {
    {"name", 0, "NAME", "the team's name", PST_CLI_REQUIRED},
    {"member", 0, "ID", "a clinician beside yourself", PST_CLI_REPEATED},
    END,
};

static const struct pst_cli_option team_members_options[] = {
    {"add", 0, "ID", "let a clinician in", PST_CLI_REPEATED},
    {"remove", 0, "ID", "take a clinician out; the team gets a new key", PST_CLI_REPEATED},
    {"name", 0, "NAME", "give it another name", 0},
    END,
};

static const struct pst_cli_option user_add_options[] = {
    {"name", 0, "NAME", "the person's name", PST_CLI_REQUIRED},
    {"role", 0, "ROLE", "intake, clinician, compliance, administrator or edge",
     PST_CLI_REQUIRED | PST_CLI_REPEATED},
    {"break-glass", 0, NULL, "may write to patients not established, with a reason", 0},
    PST_INVITE_OPTIONS,
    END,
};

static const struct pst_cli_option role_options[] = {
    {"role", 0, "ROLE", "the roles from now on", PST_CLI_REPEATED},
    {"break-glass", 0, NULL, "give the right to break the glass", 0},
    {"no-break-glass", 0, NULL, "take that right away", 0},
    END,
};

static const struct pst_cli_option credential_options[] = {
    {"kind", 0, "npi|licence", "which register", PST_CLI_REQUIRED},
    {"number", 0, "NUMBER", "number in the register", PST_CLI_REQUIRED},
    {"specialty", 0, "TEXT", "specialty", PST_CLI_REQUIRED},
    {"subspecialty", 0, "TEXT", "subspecialty", 0},
    {"until", 0, "DATE", "last day it is good for", PST_CLI_REQUIRED},
    {"disclosure", 0, "TEXT", "conflict of interest that is shown to patients", 0},
    END,
};

static const struct pst_cli_option terms_options[] = {
    {"id", 0, "ID", "which terms", PST_CLI_REQUIRED},
    {"version", 0, "N", "their version, which only grows", PST_CLI_REQUIRED},
    {"effective", 0, "TIME", "from when, a day or time (now)", 0},
    {"text", 0, "LANG=FILE", "the text in one language", PST_CLI_REQUIRED | PST_CLI_REPEATED},
    END,
};

static const struct pst_cli_option records_key_options[] = {
    {"fingerprint", 0, "TEXT", "the fingerprint on the custodians' sheet", 0},
    END,
};

#define WRITE_OPTIONS                                                                              \
    {"subject", 0, "TEXT", "subject, which is sealed like the text", 0},                           \
        {"attach", 0, "FILE", "attach a file", PST_CLI_REPEATED | PST_CLI_FILE},                   \
        {"images", 0, "N", "how many attachments are pictures (counted)", 0},                      \
        {"category", 0, "WORD", "general, appointment, refill, result, form, administrative", 0},  \
        {"text-file", 0, "FILE", "the text (what comes on standard input)", PST_CLI_FILE},         \
    {                                                                                              \
        "accept-changed-key", 0, NULL, "seal to a key that changed, having asked its owner", 0     \
    }

static const struct pst_cli_option send_options[] = {
    {"to", 0, "PATIENT", "to or about which patient", 0},
    {"team", 0, "ID", "which team's conversation", 0},
    {"thread", 0, "ID", "which conversation", 0},
    {"colleague", 0, "ID", "a clinician, for a room without patients", PST_CLI_REPEATED},
    WRITE_OPTIONS,
    END,
};

static const struct pst_cli_option reply_options[] = {
    WRITE_OPTIONS,
    END,
};

static const struct pst_cli_option read_options[] = {
    {"save-attachments", 0, "DIR", "save the attached files there", PST_CLI_FOLDER},
    {"raw", 0, NULL, "print the inner message as it is", 0},
    {"headers", 0, NULL, "print outer and inner headers", 0},
    END,
};

static const struct pst_cli_option threads_options[] = {
    {"state", 0, "open|closed", "only these", 0},
    {"patient", 0, "ID", "only of this patient", 0},
    {"follow", 0, NULL, "show what changes, as it happens, until Ctrl-C", 0},
    END,
};

static const struct pst_cli_option thread_options[] = {
    {"close", 0, NULL, "close it", 0},
    {"reopen", 0, NULL, "open it again", 0},
    {"assign", 0, "ID", "make a clinician answerable for it", 0},
    END,
};

static const struct pst_cli_option redirect_options[] = {
    {"channel", 0, "email|sms|social|phone", "how it came", PST_CLI_REQUIRED},
    {"patient", 0, "ID", "from whom", PST_CLI_REQUIRED},
    {"address", 0, "ADDRESS", "from which address or number", 0},
    {"thread", 0, "ID", "which conversation it goes on in", 0},
    {"team", 0, "ID", "which team's conversation", 0},
    {"language", 0, "en|es", "language of the words to answer with", 0},
    {"file", 0, "MAIL.eml", "put the original into the conversation", PST_CLI_FILE},
    {"accept-changed-key", 0, NULL, "seal to a key that changed, having asked its owner", 0},
    END,
};

static const struct pst_cli_option draft_options[] = {
    {"thread", 0, "ID", "of which conversation", PST_CLI_REQUIRED},
    END,
};

static const struct pst_cli_option draft_save_options[] = {
    {"thread", 0, "ID", "for which conversation", PST_CLI_REQUIRED},
    WRITE_OPTIONS,
    END,
};

static const struct pst_cli_option seal_options[] = {
    {"recipient", 'r', "RECIPIENT", "who can open it: age1…", PST_CLI_REPEATED},
    {"passphrase", 'p', NULL, "for a passphrase instead", 0},
    {"armor", 'a', NULL, "as text", 0},
    {"output", 'o', "FILE", "write here instead of to standard output", PST_CLI_FILE},
    END,
};

static const struct pst_cli_option open_options[] = {
    {"identity", 'i', "KEYFILE", "file with the key; without it a passphrase is asked",
     PST_CLI_REPEATED | PST_CLI_FILE},
    {"output", 'o', "FILE", "write here instead of to standard output", PST_CLI_FILE},
    END,
};

static const struct pst_cli_option fingerprint_options[] = {
    {"records", 0, NULL, "of the practice's records key", 0},
    END,
};

static const struct pst_cli_option recovery_code_options[] = {
    {"recovery-code-file", 0, "FILE", "write it there instead of showing it", PST_CLI_FILE},
    END,
};

static const struct pst_cli_option grant_options[] = {
    {"to", 0, "PERSON", "whose newest key it is for", PST_CLI_REQUIRED},
    {"thread", 0, "ID", "only of this conversation", 0},
    {"accept-changed-key", 0, NULL, "grant to a key that changed, having asked its owner", 0},
    END,
};

static const struct pst_cli_option keys_show_options[] = {
    {"identity-file", 0, "FILE", "write one's own secret keys there, for the age program",
     PST_CLI_FILE},
    END,
};

static const struct pst_cli_option records_init_options[] = {
    {"custodians", 0, "N", "how many shares to make", PST_CLI_REQUIRED},
    {"threshold", 0, "K", "how many of them open a message", PST_CLI_REQUIRED},
    {"shares", 0, "DIR", "folder to write the shares in", PST_CLI_REQUIRED | PST_CLI_FOLDER},
    END,
};

static const struct pst_cli_option records_combine_options[] = {
    {"output", 'o', "FILE", "write the key here instead of to standard output", PST_CLI_FILE},
    END,
};

static const struct pst_cli_option records_open_options[] = {
    {"share", 0, "FILE", "a custodian's share", PST_CLI_REQUIRED | PST_CLI_REPEATED | PST_CLI_FILE},
    {"statement", 0, "FILE", "the sender's key statement, to check the signature by", PST_CLI_FILE},
    {"output", 'o', "FILE", "write the message here instead of to standard output", PST_CLI_FILE},
    END,
};

static const struct pst_cli_option verify_options[] = {
    {"key", 0, "KEY", "the ledger's verifier key, or a file that holds it",
     PST_CLI_REQUIRED | PST_CLI_FILE},
    {"witness", 0, "KEY", "a witness's verifier key, who must have cosigned",
     PST_CLI_REPEATED | PST_CLI_FILE},
    END,
};

const struct pst_cli_command pst_cli_commands[] = {
    /* Oneself. */
    {"enrol", "LINK", "take up an invitation", enrol_options, 1, 1, pst_cmd_enrol},
    {"login", "", "sign in", login_options, 0, 0, pst_cmd_login},
    {"logout", "", "sign out and forget the session", NULL, 0, 0, pst_cmd_logout},
    {"whoami", "", "show who is signed in", NULL, 0, 0, pst_cmd_whoami},
    {"passwd", "", "change the passphrase", NULL, 0, 0, pst_cmd_passwd},
    {"devices", "", "list the sessions", NULL, 0, 0, pst_cmd_devices},
    {"devices end", "ID", "end a session", NULL, 1, 1, pst_cmd_devices_end},
    /* Messages. */
    {"threads", "", "list conversations", threads_options, 0, 0, pst_cmd_threads},
    {"thread", "ID", "show a conversation, close it, assign it", thread_options, 1, 1,
     pst_cmd_thread},
    {"send", "", "write a message", send_options, 0, 0, pst_cmd_send},
    {"read", "ID", "open a message and check that it is genuine", read_options, 1, 1, pst_cmd_read},
    {"reply", "ID", "answer a message", reply_options, 1, 1, pst_cmd_reply},
    {"retract", "ID", "mark a message of one's own as retracted", NULL, 1, 1, pst_cmd_retract},
    {"redirect", "", "record what came by a private channel; say what to answer", redirect_options,
     0, 0, pst_cmd_redirect},
    {"draft save", "", "keep a draft, sealed to oneself", draft_save_options, 0, 0,
     pst_cmd_draft_save},
    {"draft show", "", "show a draft", draft_options, 0, 0, pst_cmd_draft_show},
    {"draft drop", "", "delete a draft", draft_options, 0, 0, pst_cmd_draft_drop},
    /* Patients and their consent. */
    {"patient add", "", "register a patient", patient_add_options, 0, 0, pst_cmd_patient_add},
    {"patient list", "", "list patients", patient_list_options, 0, 0, pst_cmd_patient_list},
    {"patient show", "ID", "show a patient's record", NULL, 1, 1, pst_cmd_patient_show},
    {"patient change", "ID", "change name, language or addresses", patient_change_options, 1, 1,
     pst_cmd_patient_change},
    {"patient invite", "ID", "make an invitation to enrol", invite_options, 1, 1,
     pst_cmd_patient_invite},
    {"patient visit", "ID", "record a professional service", patient_visit_options, 1, 1,
     pst_cmd_patient_visit},
    {"patient represent", "ID", "name a representative, or end that", patient_represent_options, 1,
     1, pst_cmd_patient_represent},
    {"patient restrict", "ID", "record what the patient asked not to be done",
     patient_restrict_options, 1, 1, pst_cmd_patient_restrict},
    {"patient break-glass", "ID", "write to a patient not established, with a reason",
     patient_break_glass_options, 1, 1, pst_cmd_patient_break_glass},
    {"patient merge", "ID", "join a doubled record to the one that stays", patient_merge_options, 1,
     1, pst_cmd_patient_merge},
    {"patient end", "ID", "end a patient's record", patient_end_options, 1, 1, pst_cmd_patient_end},
    {"consent terms", "", "show the terms", consent_terms_options, 0, 0, pst_cmd_consent_terms},
    {"consent record", "[PATIENT]", "record an agreement or refusal", consent_record_options, 0, 1,
     pst_cmd_consent_record},
    {"consent sign", "FILE", "sign, as the patient, a record that staff made", consent_sign_options,
     1, 1, pst_cmd_consent_sign},
    {"consent post", "FILE", "record what the patient has signed", NULL, 1, 1,
     pst_cmd_consent_post},
    {"consent show", "[PATIENT]", "show all that was agreed", NULL, 0, 1, pst_cmd_consent_show},
    {"consent withdraw", "[PATIENT]", "withdraw the agreement", consent_withdraw_options, 0, 1,
     pst_cmd_consent_withdraw},
    /* Staff and teams. */
    {"team add", "", "make a team", team_add_options, 0, 0, pst_cmd_team_add},
    {"team list", "", "list teams", NULL, 0, 0, pst_cmd_team_list},
    {"team members", "TEAM", "show or change a team's members", team_members_options, 1, 1,
     pst_cmd_team_members},
    {"team rotate", "TEAM", "give a team a new key", NULL, 1, 1, pst_cmd_team_rotate},
    {"staff list", "", "list staff", NULL, 0, 0, pst_cmd_staff_list},
    /* Administration. */
    {"admin user add", "", "add a member of staff and invite them", user_add_options, 0, 0,
     pst_cmd_admin_user_add},
    {"admin user invite", "ID", "invite a member of staff again", invite_options, 1, 1,
     pst_cmd_admin_user_invite},
    {"admin user disable", "ID", "disable a member of staff", NULL, 1, 1,
     pst_cmd_admin_user_disable},
    {"admin user enable", "ID", "enable a member of staff again", NULL, 1, 1,
     pst_cmd_admin_user_enable},
    {"admin role", "ID", "change roles and rights", role_options, 1, 1, pst_cmd_admin_role},
    {"admin credential", "ID", "record a clinician's checked credential", credential_options, 1, 1,
     pst_cmd_admin_credential},
    {"admin terms", "", "add a version of the terms", terms_options, 0, 0, pst_cmd_admin_terms},
    {"admin restriction", "PATIENT", "record or end what a patient asked not to be done",
     patient_restrict_options, 1, 1, pst_cmd_patient_restrict},
    {"admin session end", "ID", "end anybody's session", NULL, 1, 1, pst_cmd_admin_session_end},
    {"admin records-key", "", "sign the records key with the root key", records_key_options, 0, 0,
     pst_cmd_admin_records_key},
    /* Keys. */
    {"keys fingerprint", "[PERSON]", "show a fingerprint to compare", fingerprint_options, 0, 1,
     pst_cmd_keys_fingerprint},
    {"keys show", "[PERSON]", "show the certified keys of a person", keys_show_options, 0, 1,
     pst_cmd_keys_show},
    {"keys rotate", "", "make new keys of one's own", NULL, 0, 0, pst_cmd_keys_rotate},
    {"keys recovery-code", "", "make a new recovery code", recovery_code_options, 0, 0,
     pst_cmd_keys_recovery_code},
    {"keys grant", "", "give old messages to somebody's new key", grant_options, 0, 0,
     pst_cmd_keys_grant},
    /* Offline: plain age files. */
    {"open", "[FILE]", "open an age file", open_options, 0, 1, pst_cmd_open},
    {"seal", "[FILE]", "seal a file as an age file", seal_options, 0, 1, pst_cmd_seal},
    /* The records key, offline, by its custodians. */
    {"records init", "", "make the records key and split it into shares", records_init_options, 0,
     0, pst_cmd_records_init},
    {"records combine", "SHARE...", "put the records key together", records_combine_options, 2, 255,
     pst_cmd_records_combine},
    {"records open", "FILE", "open a message with enough shares", records_open_options, 1, 1,
     pst_cmd_records_open},
    {"inspect", "FILE", "explain a sealed message", NULL, 1, 1, pst_cmd_inspect},
    /* The ledger, offline. */
    {"verify", "FILE", "check a receipt and say what it proves", verify_options, 1, 1,
     pst_cmd_verify},
    /* Of the program itself. */
    {"completion", "bash|zsh", "print the completion script of a shell", NULL, 1, 1,
     pst_cmd_completion},
    {"help", "[COMMAND]", "say how a command is used", NULL, 0, 3, pst_cmd_help},
    {"version", "", "print the version", NULL, 0, 0, pst_cmd_version},
    {NULL, NULL, NULL, NULL, 0, 0, NULL},
};
