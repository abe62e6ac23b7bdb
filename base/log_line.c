#include "base/log_line.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/utf8.h"

enum {
    TEXT_BYTES = 640, /* of one value of text, escaped; the rest is left out */
    CLOSING_BYTES = 3 /* quote, brace and line feed always find room */
};

struct line {
    char *text;
    size_t count;
};

static size_t line_room(const struct line *line)
{
    size_t most = LOG_LINE_BYTES - CLOSING_BYTES;
    return line->count < most ? most - line->count : 0; /* a quote may have closed what filled it */
}

/* All of it, or nothing where there is no room. */
static void line_add(struct line *line, struct bytes text)
{
    if (text.count > line_room(line))
        return;
    memcpy(line->text + line->count, text.data, text.count);
    line->count += text.count;
}

__attribute__((format(printf, 2, 3))) static void line_print(struct line *line, const char *format,
                                                             ...)
{
    char text[128];
    va_list arguments;

    va_start(arguments, format);
    int count = vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    if (count > 0 && (size_t)count < sizeof(text))
        line_add(line, bytes_of(text, (size_t)count));
}

/* In at least so many digits. Every line has ten numbers: printf() would be most of what a line costs. */
static void line_add_digits(struct line *line, uint64_t number, size_t least)
{
    char digits[20];
    size_t begin = sizeof(digits);

    do {
        digits[--begin] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0 || sizeof(digits) - begin < least);
    line_add(line, bytes_of(digits + begin, sizeof(digits) - begin));
}

/* Alike in text and in JSON. */
static void line_add_number(struct line *line, const struct log_field *field)
{
    uint64_t us = field->number / 1000;

    if (field->kind != LOG_FIELD_MS) {
        line_add_digits(line, field->number, 1);
        return;
    }
    line_add_digits(line, us / 1000, 1);
    line_add(line, bytes_of_text("."));
    line_add_digits(line, us % 1000, 3);
}

/* --- text --- */

/* A sentence of ours: its blanks are blanks. What it quotes cannot begin a line. */
static void text_add_message(struct line *line, const char *message)
{
    for (; *message != '\0' && line_room(line) > 0; message++) {
        bool control = (unsigned char)*message < ' ' || *message == 0x7f;
        line->text[line->count++] = (char)(control ? '?' : *message);
    }
}

static bool text_harmless(uint8_t byte)
{
    return byte > ' ' && byte < 0x7f && byte != '"' && byte != '\\';
}

/* A value: printable, and without what would end it, or begin another one. */
static void text_add_value(struct line *line, struct bytes value)
{
    size_t end = line->count + TEXT_BYTES;

    while (value.count > 0 && line->count < end) {
        size_t most = value.count < end - line->count ? value.count : end - line->count;
        size_t count = 0;
        while (count < most && text_harmless(value.data[count]))
            count++;
        line_add(line, bytes_of(value.data, count));
        value = bytes_after(value, count);
        if (count < most) {
            line_print(line, "\\x%02x", value.data[0]);
            value = bytes_after(value, 1);
        }
    }
}

static void text_add_field(struct line *line, const struct log_field *field)
{
    if (line->count > 0 && line->text[line->count - 1] != ' ')
        line_add(line, bytes_of_text(" "));
    if (!field->bare) {
        line_add(line, bytes_of_text(field->name));
        line_add(line, bytes_of_text("="));
    }
    if (field->kind == LOG_FIELD_TEXT)
        text_add_value(line, field->text);
    else
        line_add_number(line, field);
}

static void text_begin(struct line *line, enum log_shape shape, struct timespec now,
                       enum log_level level, const char *module)
{
    struct tm local = { 0 };

    if (shape == LOG_SHAPE_JOURNAL) {
        line_print(line, "<%d>%s: ", level, module);
        return;
    }
    (void)localtime_r(&now.tv_sec, &local);
    line_print(line, "%02d:%02d:%02d.%03d %s %s: ", local.tm_hour, local.tm_min, local.tm_sec,
               (int)(now.tv_nsec / 1000000), log_level_name(level), module);
}

/* --- JSON --- */

/* One character of it, escaped; what is not UTF-8 becomes U+FFFD, byte by byte. Yields how many bytes
 * of the text that were. */
static size_t json_add_character(struct line *line, struct bytes text)
{
    uint32_t code = 0;
    size_t count = utf8_character(text, &code);

    if (count == 0)
        line_add(line, bytes_of_text("\\ufffd"));
    else if (code == '"' || code == '\\')
        line_print(line, "\\%c", (int)code);
    else if (code < ' ' || code == 0x7f || code == 0x2028 || code == 0x2029)
        line_print(line, "\\u%04x", code);
    else
        line_add(line, bytes_of(text.data, count));
    return count > 0 ? count : 1;
}

static void json_add_text(struct line *line, struct bytes text, size_t most)
{
    enum {
        LONGEST = 6 /* a character, escaped */
    };
    size_t end = line->count + (most < line_room(line) ? most : line_room(line));

    line_add(line, bytes_of_text("\""));
    while (text.count > 0 && line->count + LONGEST <= end)
        text = bytes_after(text, json_add_character(line, text));
    line->text[line->count++] = '"'; /* there is room: CLOSING_BYTES */
}

/* The comma and the name; false when there is no room for a value behind it. */
static bool json_begin_member(struct line *line, const char *name)
{
    if (strlen(name) + 32 > line_room(line))
        return false;
    line_add(line, bytes_of_text(",\""));
    line_add(line, bytes_of_text(name));
    line_add(line, bytes_of_text("\":"));
    return true;
}

static void json_add_field(struct line *line, const struct log_field *field)
{
    if (!json_begin_member(line, field->name))
        return;
    if (field->kind == LOG_FIELD_TEXT)
        json_add_text(line, field->text, TEXT_BYTES);
    else
        line_add_number(line, field);
}

static void json_begin(struct line *line, struct timespec now, enum log_level level,
                       const char *module)
{
    struct tm utc = { 0 };

    (void)gmtime_r(&now.tv_sec, &utc);
    line_print(line, "{\"time\":\"%04d-%02d-%02dT%02d:%02d:%02d.%03dZ\"", utc.tm_year + 1900,
               utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec,
               (int)(now.tv_nsec / 1000000));
    line_print(line, ",\"level\":\"%s\",\"module\":\"%s\"", log_level_name(level), module);
}

/* --- both --- */

const char *log_level_name(enum log_level level)
{
    switch (level) {
    case LOG_LEVEL_ERROR: return "error";
    case LOG_LEVEL_WARNING: return "warning";
    case LOG_LEVEL_INFO: return "info";
    case LOG_LEVEL_DEBUG: return "debug";
    }
    return "?";
}

size_t log_line_format(char text[static LOG_LINE_BYTES], enum log_shape shape, struct timespec now,
                       enum log_level level, const char *module, const char *message,
                       const struct log_field *fields, size_t count)
{
    struct line line = { .text = text };
    bool json = shape == LOG_SHAPE_JSON;

    if (json)
        json_begin(&line, now, level, module);
    else
        text_begin(&line, shape, now, level, module);
    if (message != NULL && !json)
        text_add_message(&line, message);
    else if (message != NULL && json_begin_member(&line, "message"))
        json_add_text(&line, bytes_of_text(message), LOG_LINE_BYTES);

    for (size_t i = 0; i < count; i++) {
        if (fields[i].kind == LOG_FIELD_TEXT && fields[i].text.data == NULL)
            continue;
        if (json)
            json_add_field(&line, &fields[i]);
        else
            text_add_field(&line, &fields[i]);
    }
    if (json)
        text[line.count++] = '}';
    text[line.count++] = '\n';
    return line.count;
}
