#include <string.h>

#include "client/cli/mime.h"
#include "unit.h"

#define ORIGIN "messages.clinic.example"
#define UUID(last) "0190a0b0-0000-7000-8000-0000000000" last

static struct pst_uuid uuid(const char *text)
{
    struct pst_uuid id;
    ck_assert_int_eq(pst_uuid_parse(text, strlen(text), &id), PST_OK);
    return id;
}

static struct pst_envelope_header header_of(size_t attachments, size_t images)
{
    struct pst_envelope_header header = {.origin = ORIGIN, .to_count = 2};
    header.id = uuid(UUID("aa"));
    header.thread = uuid(UUID("bb"));
    header.from = uuid(UUID("01"));
    header.to[0] = uuid(UUID("02"));
    header.to[1] = uuid(UUID("03"));
    header.sent_ms = INT64_C(1795262400000);
    header.attachments = (int64_t)attachments;
    header.images = (int64_t)images;
    return header;
}

static const uint8_t png[] = "\x89PNG\r\n\x1a\n\0\0\0\rIHDR and more \xff\xfe\n\r\n\0";

static struct pst_buf compose(const struct pst_mime_draft *draft,
                              const struct pst_envelope_header *header)
{
    struct pst_buf out;
    pst_buf_init(&out, PST_MIME_MAX_BYTES);
    ck_assert_int_eq(pst_mime_compose(draft, header, &out), PST_OK);
    return out;
}

START_TEST(headers_stand_in_the_order_of_the_format)
{
    struct pst_envelope_header header = header_of(0, 0);
    struct pst_mime_draft draft = {.subject = "Your results", .text = "Please come in.\n"};
    struct pst_buf out = compose(&draft, &header);
    ck_assert_str_eq(
        pst_buf_str(&out),
        "From: <" UUID("01") "@" ORIGIN ">\r\n"
                             "To: <" UUID(
                                 "02") "@" ORIGIN ">,\r\n"
                                       " <" UUID(
                                           "03") "@" ORIGIN ">\r\n"
                                                 "Message-ID: <" UUID(
                                                     "aa") "@" ORIGIN ">\r\n"
                                                           "Postern-Thread: " UUID(
                                                               "bb") "\r\n"
                                                                     "Subject: Your results\r\n"
                                                                     "Date: Sat, 21 Nov 2026 "
                                                                     "12:00:00 +0000\r\n"
                                                                     "MIME-Version: 1.0\r\n"
                                                                     "Content-Type: text/plain; "
                                                                     "charset=utf-8\r\n"
                                                                     "Content-Transfer-Encoding: "
                                                                     "quoted-printable\r\n"
                                                                     "\r\n"
                                                                     "Please come in.\r\n");
    pst_buf_free(&out);
}
END_TEST

START_TEST(every_line_ends_with_crlf_and_none_is_long)
{
    struct pst_envelope_header header = header_of(1, 1);
    struct pst_mime_file file = {"foto de la mu\xc3\xb1"
                                 "eca.png",
                                 pst_bytes(png, sizeof png), false};
    struct pst_mime_draft draft = {
        .subject = "Resultados de la prueba de sangre de esta ma\xc3\xb1"
                   "ana: todo est\xc3\xa1 bien, no hace falta que venga antes de la semana",
        .text = "Se\xc3\xb1or:\n.\nFrom here\n\n\xc2\xa1Gracias!\nlast",
        .files = &file,
        .files_count = 1};
    struct pst_buf out = compose(&draft, &header);
    size_t column = 0;
    for (size_t i = 0; i < out.len; i++) {
        column++;
        ck_assert_uint_le(column, 998);
        if (out.bytes[i] == '\n') {
            ck_assert_uint_gt(i, 0);
            ck_assert_int_eq(out.bytes[i - 1], '\r');
            column = 0;
        }
    }
    pst_buf_free(&out);
}
END_TEST

START_TEST(what_was_composed_is_read_again)
{
    struct pst_envelope_header header = header_of(2, 1);
    struct pst_mime_file files[] = {
        {"foto de la mu\xc3\xb1"
         "eca.png",
         pst_bytes(png, sizeof png), false},
        {"report.pdf", pst_bytes("%PDF-1.4\nx", 10), false},
    };
    struct pst_mime_draft draft = {.subject = "\xc2\xa1Resultados!",
                                   .text = "Se\xc3\xb1or:\n.\nFrom x\n",
                                   .files = files,
                                   .files_count = 2};
    struct pst_buf out = compose(&draft, &header);
    struct pst_mime_message m = {0};
    ck_assert_int_eq(pst_mime_parse(pst_buf_bytes(&out), &m), PST_OK);
    ck_assert_str_eq(m.subject, draft.subject);
    ck_assert_ptr_null(pst_mime_mismatch(&m, &header));
    ck_assert_uint_eq(m.parts_count, 2);
    ck_assert_str_eq(m.parts[0].name, files[0].name);
    ck_assert_str_eq(m.parts[0].type, "image/png");
    ck_assert_uint_eq(m.parts[0].len, sizeof png);
    ck_assert_mem_eq(m.parts[0].bytes, png, sizeof png);
    ck_assert_str_eq(m.parts[1].type, "application/pdf");
    ck_assert_uint_eq(m.images, 1);
    ck_assert_ptr_nonnull(strstr(m.text, "Se\xc3\xb1or:"));
    ck_assert_ptr_nonnull(strstr(m.text, "\n.\r\nFrom x"));
    pst_mime_message_free(&m);
    pst_buf_free(&out);
}
END_TEST

START_TEST(a_carried_message_keeps_every_byte)
{
    static const char original[] = "From: a@example.com\r\nSubject: hi\r\n\r\nbody  \r\n\r\n"
                                   "-- \r\nlast\r\n";
    struct pst_envelope_header header = header_of(1, 0);
    struct pst_mime_file file = {"original.eml", pst_bytes(original, sizeof original - 1), true};
    struct pst_mime_draft draft = {
        .subject = "", .text = "Forwarded.\n", .files = &file, .files_count = 1};
    struct pst_buf out = compose(&draft, &header);
    struct pst_mime_message m = {0};
    ck_assert_ptr_nonnull(strstr(pst_buf_str(&out), original));
    ck_assert_int_eq(pst_mime_parse(pst_buf_bytes(&out), &m), PST_OK);
    ck_assert_uint_eq(m.parts_count, 1);
    ck_assert_str_eq(m.parts[0].type, "message/rfc822");
    ck_assert_uint_eq(m.parts[0].len, sizeof original - 1);
    ck_assert_mem_eq(m.parts[0].bytes, original, sizeof original - 1);
    ck_assert_ptr_null(pst_mime_mismatch(&m, &header));
    pst_mime_message_free(&m);
    pst_buf_free(&out);
}
END_TEST

/* One header of the envelope changed after composing, and what is said to differ. */
static const struct {
    const char *name;
    size_t at;
    size_t len;
} changes[] = {
    {"From", offsetof(struct pst_envelope_header, from), 1},
    {"To", offsetof(struct pst_envelope_header, to), 1},
    {"Message-ID", offsetof(struct pst_envelope_header, id), 1},
    {"Postern-Thread", offsetof(struct pst_envelope_header, thread), 1},
    {"number of attachments", offsetof(struct pst_envelope_header, attachments), 1},
    {"number of pictures", offsetof(struct pst_envelope_header, images), 1},
    {"From", offsetof(struct pst_envelope_header, origin), 1},
};

START_TEST(a_header_that_differs_is_named)
{
    struct pst_envelope_header header = header_of(0, 0);
    struct pst_mime_draft draft = {.subject = "x", .text = "y"};
    struct pst_buf out = compose(&draft, &header);
    struct pst_mime_message m = {0};
    ck_assert_int_eq(pst_mime_parse(pst_buf_bytes(&out), &m), PST_OK);
    ck_assert_ptr_null(pst_mime_mismatch(&m, &header));
    ((uint8_t *)&header)[changes[_i].at] ^= 1;
    ck_assert_str_eq(pst_mime_mismatch(&m, &header), changes[_i].name);
    pst_mime_message_free(&m);
    pst_buf_free(&out);
}
END_TEST

START_TEST(a_second_header_is_refused)
{
    static const char twice[] = "From: <a@b>\r\nFrom: <c@d>\r\nSubject: x\r\n\r\ny\r\n";
    struct pst_mime_message m = {0};
    ck_assert_int_eq(pst_mime_parse(pst_bytes_str(twice), &m), PST_ERR_SYNTAX);
}
END_TEST

START_TEST(a_name_never_leads_out_of_its_folder)
{
    static const char mail[] =
        "Subject: x\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n"
        "--b\r\nContent-Type: text/plain\r\n\r\nhi\r\n"
        "--b\r\nContent-Type: application/pdf\r\n"
        "Content-Disposition: attachment; filename=\"../../etc/..passwd\"\r\n\r\nz\r\n--b--\r\n";
    struct pst_mime_message m = {0};
    ck_assert_int_eq(pst_mime_parse(pst_bytes_str(mail), &m), PST_OK);
    ck_assert_uint_eq(m.parts_count, 1);
    ck_assert_str_eq(m.parts[0].name, "passwd");
    pst_mime_message_free(&m);
}
END_TEST

START_TEST(a_picture_is_one_whatever_it_is_called)
{
    struct pst_mime_file file = {"notes.txt", pst_bytes(png, sizeof png), false};
    ck_assert_str_eq(pst_mime_type_of(&file), "image/png");
    ck_assert(pst_mime_is_image(&file));
    struct pst_mime_file text = {"notes.txt", pst_bytes("plain", 5), false};
    ck_assert_str_eq(pst_mime_type_of(&text), "text/plain");
    ck_assert(!pst_mime_is_image(&text));
}
END_TEST

int main(void)
{
    if (pst_secret_init() != PST_OK)
        return EXIT_FAILURE;
    Suite *suite = suite_create("mime");
    TCase *tcase = tcase_create("mime");
    tcase_set_timeout(tcase, PST_UNIT_TIMEOUT_S);
    tcase_add_test(tcase, headers_stand_in_the_order_of_the_format);
    tcase_add_test(tcase, every_line_ends_with_crlf_and_none_is_long);
    tcase_add_test(tcase, what_was_composed_is_read_again);
    tcase_add_test(tcase, a_carried_message_keeps_every_byte);
    tcase_add_test(tcase, a_second_header_is_refused);
    tcase_add_test(tcase, a_name_never_leads_out_of_its_folder);
    tcase_add_test(tcase, a_picture_is_one_whatever_it_is_called);
    tcase_add_loop_test(tcase, a_header_that_differs_is_named, 0,
                        sizeof changes / sizeof changes[0]);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
