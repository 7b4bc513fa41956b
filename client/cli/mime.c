#include "client/cli/mime.h"

#include <gmime/gmime.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "postern/cleanup.h"

/* RFC 5322 2.1.1: a line has 998 characters at most; encoded words are folded far below. */
#define FOLD_EVERY_BYTES 70

static void start(void)
{
    static bool started;
    if (!started) {
        g_mime_init();
        started = true;
    }
}

/* ---- writing ---- */

static const struct {
    const char *ending;
    const char *type;
} types[] = {
    {".pdf", "application/pdf"},
    {".png", "image/png"},
    {".jpg", "image/jpeg"},
    {".jpeg", "image/jpeg"},
    {".gif", "image/gif"},
    {".webp", "image/webp"},
    {".heic", "image/heic"},
    {".heif", "image/heif"},
    {".tif", "image/tiff"},
    {".tiff", "image/tiff"},
    {".bmp", "image/bmp"},
    {".avif", "image/avif"},
    {".svg", "image/svg+xml"},
    {".txt", "text/plain"},
    {".csv", "text/csv"},
    {".html", "text/html"},
    {".json", "application/json"},
    {".eml", "message/rfc822"},
    {".doc", "application/msword"},
    {".docx", "application/vnd.openxmlformats-officedocument.wordprocessingml.document"},
    {".zip", "application/zip"},
    {".mp4", "video/mp4"},
    {".mp3", "audio/mpeg"},
};

/* First bytes go before names: a photograph is one whatever it is called. */
static const struct {
    size_t at;
    const char *bytes;
    size_t len;
    const char *type;
} magics[] = {
    {0, "\x89PNG\r\n\x1a\n", 8, "image/png"},
    {0, "\xff\xd8\xff", 3, "image/jpeg"},
    {0, "GIF8", 4, "image/gif"},
    {8, "WEBP", 4, "image/webp"},
    {4, "ftypheic", 8, "image/heic"},
    {4, "ftypheix", 8, "image/heic"},
    {4, "ftypmif1", 8, "image/heif"},
    {4, "ftypavif", 8, "image/avif"},
    {0, "II*\0", 4, "image/tiff"},
    {0, "MM\0*", 4, "image/tiff"},
    {0, "BM", 2, "image/bmp"},
    {0, "%PDF-", 5, "application/pdf"},
};

const char *pst_mime_type_of(const struct pst_mime_file *file)
{
    if (file->is_message)
        return "message/rfc822";
    for (size_t i = 0; i < sizeof magics / sizeof magics[0]; i++) {
        if (file->bytes.len >= magics[i].at + magics[i].len &&
            memcmp(file->bytes.ptr + magics[i].at, magics[i].bytes, magics[i].len) == 0)
            return magics[i].type;
    }
    size_t len = strlen(file->name);
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        size_t ending = strlen(types[i].ending);
        if (len > ending && strcasecmp(file->name + len - ending, types[i].ending) == 0)
            return types[i].type;
    }
    return "application/octet-stream";
}

bool pst_mime_is_image(const struct pst_mime_file *file)
{
    if (!file->is_message)
        return strncmp(pst_mime_type_of(file), "image/", 6) == 0;
    struct pst_mime_message inside = {0};
    bool is = pst_mime_parse(file->bytes, &inside) == PST_OK && inside.images > 0;
    pst_mime_message_free(&inside);
    return is;
}

static GMimeDataWrapper *content_of(struct pst_bytes bytes)
{
    GMimeStream *stream = g_mime_stream_mem_new_with_buffer((const char *)bytes.ptr, bytes.len);
    GMimeDataWrapper *content =
        g_mime_data_wrapper_new_with_stream(stream, GMIME_CONTENT_ENCODING_DEFAULT);
    g_object_unref(stream);
    return content;
}

static GMimePart *text_part(const char *text)
{
    GMimePart *part = g_mime_part_new_with_type("text", "plain");
    GMimeDataWrapper *content = content_of(pst_bytes_str(text));
    g_mime_object_set_content_type_parameter(GMIME_OBJECT(part), "charset", "utf-8");
    g_mime_part_set_content(part, content);
    g_mime_part_set_content_encoding(part, GMIME_CONTENT_ENCODING_QUOTEDPRINTABLE);
    g_object_unref(content);
    return part;
}

/* A carried message is put in as it is, so that not a byte of it changes. */
static GMimePart *file_part(const struct pst_mime_file *file)
{
    const char *type = pst_mime_type_of(file);
    const char *slash = strchr(type, '/');
    char major[16];
    snprintf(major, sizeof major, "%.*s", (int)(slash - type), type);
    GMimePart *part = g_mime_part_new_with_type(major, slash + 1);
    GMimeDataWrapper *content = content_of(file->bytes);
    g_mime_object_set_disposition(GMIME_OBJECT(part), "attachment");
    g_mime_part_set_filename(part, file->name);
    g_mime_part_set_content(part, content);
    /* RFC 2046 5.2.1 allows no encoding of message/rfc822 but 7bit, 8bit and binary. */
    g_mime_part_set_content_encoding(part, file->is_message ? GMIME_CONTENT_ENCODING_BINARY
                                                            : GMIME_CONTENT_ENCODING_BASE64);
    g_object_unref(content);
    return part;
}

static GMimeObject *body_of(const struct pst_mime_draft *draft)
{
    GMimePart *text = text_part(draft->text);
    if (draft->files_count == 0)
        return GMIME_OBJECT(text);
    GMimeMultipart *all = g_mime_multipart_new_with_subtype("mixed");
    g_mime_multipart_add(all, GMIME_OBJECT(text));
    g_object_unref(text);
    for (size_t i = 0; i < draft->files_count; i++) {
        GMimePart *part = file_part(&draft->files[i]);
        g_mime_multipart_add(all, GMIME_OBJECT(part));
        g_object_unref(part);
    }
    return GMIME_OBJECT(all);
}

/* MIME-Version, the body's own headers, and the body, all with CRLF. */
static enum pst_err append_body(const struct pst_mime_draft *draft, struct pst_buf *out)
{
    GMimeFormatOptions *options = g_mime_format_options_new();
    g_mime_format_options_set_newline_format(options, GMIME_NEWLINE_FORMAT_DOS);
    GMimeObject *body = body_of(draft);
    GByteArray *bytes = g_byte_array_new();
    GMimeStream *stream = g_mime_stream_mem_new_with_byte_array(bytes);
    g_mime_stream_mem_set_owner(GMIME_STREAM_MEM(stream), FALSE);
    ssize_t written = g_mime_object_write_to_stream(body, options, stream);
    enum pst_err err = pst_buf_append_str(out, "MIME-Version: 1.0\r\n");
    if (err == PST_OK)
        err = written < 0 ? PST_ERR_NOMEM : pst_buf_append(out, bytes->data, bytes->len);
    explicit_bzero(bytes->data, bytes->len);
    g_byte_array_free(bytes, TRUE);
    g_object_unref(stream);
    g_object_unref(body);
    g_mime_format_options_free(options);
    return err;
}

/* "Name: word word" folded before words, so that no line grows long. */
static enum pst_err append_folded(struct pst_buf *out, const char *name, const char *value)
{
    enum pst_err err = pst_buf_printf(out, "%s:", name);
    size_t column = strlen(name) + 1;
    while (err == PST_OK && *value != '\0') {
        size_t len = strcspn(value, " \t\r\n");
        if (len > 0) {
            bool fold = column + len > FOLD_EVERY_BYTES && column > strlen(name) + 1;
            err = pst_buf_printf(out, "%s%.*s", fold ? "\r\n " : " ", (int)len, value);
            column = (fold ? 1 : column + 1) + len;
        }
        value += len + (value[len] != '\0' ? 1 : 0);
    }
    return err == PST_OK ? pst_buf_append_str(out, "\r\n") : err;
}

static enum pst_err append_subject(struct pst_buf *out, const char *subject)
{
    if (!g_utf8_validate(subject, -1, NULL) || strlen(subject) > PST_MIME_SUBJECT_MAX_BYTES)
        return PST_ERR_SYNTAX;
    char *encoded = g_mime_utils_header_encode_text(NULL, subject, "utf-8");
    if (encoded == NULL)
        return PST_ERR_NOMEM;
    enum pst_err err = append_folded(out, "Subject", encoded);
    g_free(encoded);
    return err;
}

static enum pst_err append_to(struct pst_buf *out, const struct pst_envelope_header *header)
{
    enum pst_err err = pst_buf_append_str(out, "To: ");
    for (size_t i = 0; err == PST_OK && i < header->to_count; i++) {
        char id[PST_UUID_TEXT_SIZE];
        pst_uuid_format(&header->to[i], id);
        err = pst_buf_printf(out, "%s<%s@%s>", i > 0 ? ",\r\n " : "", id, header->origin);
    }
    return err == PST_OK ? pst_buf_append_str(out, "\r\n") : err;
}

static enum pst_err append_date(struct pst_buf *out, int64_t at_ms)
{
    GDateTime *at = g_date_time_new_from_unix_utc(at_ms / 1000);
    char *text = at != NULL ? g_mime_utils_header_format_date(at) : NULL;
    enum pst_err err = text != NULL ? pst_buf_printf(out, "Date: %s\r\n", text) : PST_ERR_NOMEM;
    g_free(text);
    if (at != NULL)
        g_date_time_unref(at);
    return err;
}

enum pst_err pst_mime_compose(const struct pst_mime_draft *draft,
                              const struct pst_envelope_header *header, struct pst_buf *out)
{
    start();
    if (!g_utf8_validate(draft->text, -1, NULL))
        return PST_ERR_SYNTAX;
    char from[PST_UUID_TEXT_SIZE];
    char id[PST_UUID_TEXT_SIZE];
    char thread[PST_UUID_TEXT_SIZE];
    pst_uuid_format(&header->from, from);
    pst_uuid_format(&header->id, id);
    pst_uuid_format(&header->thread, thread);
    enum pst_err err = pst_buf_printf(out, "From: <%s@%s>\r\n", from, header->origin);
    if (err == PST_OK)
        err = append_to(out, header);
    if (err == PST_OK)
        err = pst_buf_printf(out, "Message-ID: <%s@%s>\r\nPostern-Thread: %s\r\n", id,
                             header->origin, thread);
    if (err == PST_OK)
        err = append_subject(out, draft->subject);
    if (err == PST_OK)
        err = append_date(out, header->sent_ms);
    return err == PST_OK ? append_body(draft, out) : err;
}

enum pst_err pst_mime_compose_note(const struct pst_mime_draft *draft, struct pst_buf *out)
{
    start();
    if (!g_utf8_validate(draft->text, -1, NULL))
        return PST_ERR_SYNTAX;
    enum pst_err err = append_subject(out, draft->subject);
    return err == PST_OK ? append_body(draft, out) : err;
}

/* ---- reading ---- */

/* A header exactly as it stands, unfolded; given, "" when absent. */
static char *raw_header(GMimeObject *object, const char *name)
{
    GMimeHeaderList *list = g_mime_object_get_header_list(object);
    GMimeHeader *header = g_mime_header_list_get_header(list, name);
    const char *raw = header != NULL ? g_mime_header_get_raw_value(header) : NULL;
    return raw != NULL ? g_mime_utils_header_unfold(raw) : g_strdup("");
}

/* How often a header stands there: a second one could say something else to others. */
static int header_count(GMimeObject *object, const char *name)
{
    GMimeHeaderList *list = g_mime_object_get_header_list(object);
    int count = 0;
    for (int i = 0; i < g_mime_header_list_get_count(list); i++) {
        GMimeHeader *header = g_mime_header_list_get_header_at(list, i);
        count += strcasecmp(g_mime_header_get_name(header), name) == 0;
    }
    return count;
}

/* The last part of a path, without what a shell or a file system reads as more. */
static char *file_name(const char *name)
{
    const char *at = name != NULL ? name : "";
    for (const char *c = at; *c != '\0'; c++) {
        if (*c == '/' || *c == '\\')
            at = c + 1;
    }
    while (*at == '.')
        at++;
    char *plain = g_strdup(at);
    for (char *c = plain; *c != '\0'; c++) {
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            *c = '_';
    }
    return plain;
}

static enum pst_err keep_bytes(GMimeDataWrapper *content, struct pst_mime_part *part)
{
    GByteArray *bytes = g_byte_array_new();
    GMimeStream *stream = g_mime_stream_mem_new_with_byte_array(bytes);
    g_mime_stream_mem_set_owner(GMIME_STREAM_MEM(stream), FALSE);
    bool ok = content == NULL || g_mime_data_wrapper_write_to_stream(content, stream) >= 0;
    g_object_unref(stream);
    part->len = bytes->len;
    part->bytes = g_byte_array_free(bytes, FALSE);
    return ok ? PST_OK : PST_ERR_SYNTAX;
}

struct walk {
    struct pst_mime_message *message;
    enum pst_err err;
};

static void keep_part(struct walk *walk, GMimeObject *object, const char *name)
{
    struct pst_mime_message *m = walk->message;
    if (m->parts_count == PST_MIME_PARTS_MAX) {
        walk->err = PST_ERR_TOO_LONG;
        return;
    }
    struct pst_mime_part *part = &m->parts[m->parts_count++];
    part->name = file_name(name);
    part->type = g_mime_content_type_get_mime_type(g_mime_object_get_content_type(object));
    if (GMIME_IS_PART(object))
        walk->err = keep_bytes(g_mime_part_get_content(GMIME_PART(object)), part);
    struct pst_mime_file file = {part->name, pst_bytes(part->bytes, part->len), false};
    part->is_image = strncmp(part->type, "image/", 6) == 0 || pst_mime_is_image(&file);
    m->images += part->is_image;
}

/* A message inside a message: kept as its own bytes. */
static void keep_message(struct walk *walk, GMimeObject *object)
{
    struct pst_mime_message *m = walk->message;
    GMimeMessage *inside = g_mime_message_part_get_message(GMIME_MESSAGE_PART(object));
    const char *name = g_mime_object_get_content_disposition_parameter(object, "filename");
    keep_part(walk, object, name != NULL ? name : "original.eml");
    if (walk->err != PST_OK || inside == NULL)
        return;
    struct pst_mime_part *part = &m->parts[m->parts_count - 1];
    GMimeFormatOptions *options = g_mime_format_options_new();
    g_mime_format_options_set_newline_format(options, GMIME_NEWLINE_FORMAT_DOS);
    char *text = g_mime_object_to_string(GMIME_OBJECT(inside), options);
    g_mime_format_options_free(options);
    g_free(part->bytes);
    part->bytes = (uint8_t *)text;
    part->len = text != NULL ? strlen(text) : 0;
    struct pst_mime_file file = {part->name, pst_bytes(part->bytes, part->len), true};
    part->is_image = pst_mime_is_image(&file);
    m->images += part->is_image;
}

static void on_part(GMimeObject *parent, GMimeObject *object, gpointer ctx)
{
    (void)parent;
    struct walk *walk = ctx;
    if (walk->err != PST_OK || GMIME_IS_MULTIPART(object))
        return;
    if (GMIME_IS_MESSAGE_PART(object)) {
        keep_message(walk, object);
        return;
    }
    bool attached = GMIME_IS_PART(object) && g_mime_part_is_attachment(GMIME_PART(object));
    if (GMIME_IS_TEXT_PART(object) && !attached && walk->message->text == NULL) {
        char *text = g_mime_text_part_get_text(GMIME_TEXT_PART(object));
        walk->message->text = text != NULL ? text : g_strdup("");
        return;
    }
    keep_part(walk, object,
              GMIME_IS_PART(object) ? g_mime_part_get_filename(GMIME_PART(object)) : NULL);
}

static GMimeMessage *parse(struct pst_bytes bytes)
{
    GMimeStream *stream = g_mime_stream_mem_new_with_buffer((const char *)bytes.ptr, bytes.len);
    GMimeParser *parser = g_mime_parser_new_with_stream(stream);
    g_mime_parser_set_persist_stream(parser, FALSE);
    GMimeMessage *message = g_mime_parser_construct_message(parser, NULL);
    g_object_unref(parser);
    g_object_unref(stream);
    return message;
}

static bool headers_single(GMimeObject *object)
{
    static const char *const once[] = {"From", "To", "Message-ID", "Postern-Thread", "Subject"};
    for (size_t i = 0; i < sizeof once / sizeof once[0]; i++) {
        if (header_count(object, once[i]) > 1)
            return false;
    }
    return true;
}

enum pst_err pst_mime_parse(struct pst_bytes bytes, struct pst_mime_message *ret_message)
{
    start();
    GMimeMessage *message = parse(bytes);
    if (message == NULL)
        return PST_ERR_SYNTAX;
    struct pst_mime_message m = {0};
    struct walk walk = {&m, PST_OK};
    GMimeObject *object = GMIME_OBJECT(message);
    const char *subject = g_mime_message_get_subject(message);
    m.from = raw_header(object, "From");
    m.to = raw_header(object, "To");
    m.message_id = raw_header(object, "Message-ID");
    m.thread = raw_header(object, "Postern-Thread");
    m.date = raw_header(object, "Date");
    m.subject = g_strdup(subject != NULL ? subject : "");
    if (!headers_single(object))
        walk.err = PST_ERR_SYNTAX;
    GMimeObject *body = g_mime_message_get_mime_part(message);
    if (body != NULL && GMIME_IS_MULTIPART(body))
        g_mime_multipart_foreach(GMIME_MULTIPART(body), on_part, &walk);
    else if (body != NULL)
        on_part(NULL, body, &walk);
    if (m.text == NULL)
        m.text = g_strdup("");
    g_object_unref(message);
    if (walk.err != PST_OK)
        pst_mime_message_free(&m);
    else
        *ret_message = m;
    return walk.err;
}

void pst_mime_message_free(struct pst_mime_message *m)
{
    char **texts[] = {&m->from,    &m->to,   &m->message_id, &m->thread,
                      &m->subject, &m->date, &m->text};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (*texts[i] != NULL)
            explicit_bzero(*texts[i], strlen(*texts[i]));
        g_free(*texts[i]);
        *texts[i] = NULL;
    }
    for (size_t i = 0; i < m->parts_count; i++) {
        if (m->parts[i].bytes != NULL)
            explicit_bzero(m->parts[i].bytes, m->parts[i].len);
        g_free(m->parts[i].name);
        g_free(m->parts[i].type);
        g_free(m->parts[i].bytes);
    }
    m->parts_count = 0;
}

/* Compares without white space: where a header is folded says nothing. */
static bool says(const char *value, const char *wanted)
{
    for (;;) {
        while (*value != '\0' && strchr(" \t\r\n", *value) != NULL)
            value++;
        if (*value != *wanted)
            return false;
        if (*value == '\0')
            return true;
        value++;
        wanted++;
    }
}

static bool says_id(const char *value, const struct pst_uuid *id, const char *origin)
{
    char text[PST_UUID_TEXT_SIZE];
    char wanted[PST_UUID_TEXT_SIZE + PST_ORIGIN_MAX_BYTES + 4];
    pst_uuid_format(id, text);
    snprintf(wanted, sizeof wanted, "<%s@%s>", text, origin);
    return says(value, wanted);
}

static bool says_to(const char *value, const struct pst_envelope_header *header)
{
    PST_BUF struct pst_buf wanted = {.max = (size_t)PST_ENVELOPE_TO_MAX * 320};
    for (size_t i = 0; i < header->to_count; i++) {
        char id[PST_UUID_TEXT_SIZE];
        pst_uuid_format(&header->to[i], id);
        if (pst_buf_printf(&wanted, "%s<%s@%s>", i > 0 ? "," : "", id, header->origin) != PST_OK)
            return false;
    }
    return says(value, pst_buf_str(&wanted));
}

const char *pst_mime_mismatch(const struct pst_mime_message *message,
                              const struct pst_envelope_header *header)
{
    char thread[PST_UUID_TEXT_SIZE];
    pst_uuid_format(&header->thread, thread);
    if (!says_id(message->from, &header->from, header->origin))
        return "From";
    if (!says_to(message->to, header))
        return "To";
    if (!says_id(message->message_id, &header->id, header->origin))
        return "Message-ID";
    if (!says(message->thread, thread))
        return "Postern-Thread";
    if ((size_t)header->attachments != message->parts_count)
        return "number of attachments";
    if ((size_t)header->images != message->images)
        return "number of pictures";
    return NULL;
}
