#include "tools/ferry/findings.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "tools/ferry/json.h"
#include "tools/ferry/text.h"

enum {
    SENTENCE_BYTES = 1024,
    INDENT_COLUMNS = 19, /* "problem  override  " */
    COLUMNS_DEFAULT = 80,
    COLUMNS_MIN = 40,
    COLUMNS_MAX = 120, /* longer lines are hard to read */
};

static size_t output_columns(void)
{
    struct winsize size = { 0 };
    size_t columns = COLUMNS_DEFAULT;

    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col >= COLUMNS_MIN)
        columns = size.ws_col;
    return columns < COLUMNS_MAX ? columns : COLUMNS_MAX;
}

/* Breaks the text between words; what stands before its first line is there already. */
static void print_wrapped(const char *text, size_t columns)
{
    while (text_columns(text) > columns) {
        size_t most = text_fit(text, columns);
        size_t count = most;

        while (count > 0 && text[count] != ' ' && text[count - 1] != ',')
            count--;
        if (count == 0) /* a word that is too long, such as a URL */
            count = most;
        (void)printf("%.*s\n%*s", (int)count, text, INDENT_COLUMNS, "");
        text += count + strspn(text + count, " ");
    }
    (void)printf("%s\n", text);
}

static void finding_print(enum verdict verdict, const char *check, const char *sentence,
                          const char *advice)
{
    static const char *const words[] = { "ok", "problem", "-" };
    char clean[SENTENCE_BYTES];
    size_t columns = output_columns() - INDENT_COLUMNS;

    text_clean(sentence, sizeof(clean), clean);
    (void)printf("%-8s %-9s ", words[verdict], check);
    print_wrapped(clean, columns);
    if (advice != NULL) {
        (void)printf("%*s", INDENT_COLUMNS, "");
        print_wrapped(advice, columns);
    }
}

static bool finding_print_json(enum verdict verdict, const char *check, const char *sentence,
                               const char *advice)
{
    static const char *const words[] = { "ok", "problem", "unknown" };
    json_t *object = json_object();

    json_set_text(object, "check", check);
    json_set_text(object, "result", words[verdict]);
    json_set_text(object, "finding", sentence);
    json_set_text(object, "advice", advice);
    return json_print(object);
}

void findings_add(struct findings *findings, enum verdict verdict, const char *check,
                  const char *advice, const char *format, ...)
{
    char sentence[SENTENCE_BYTES];
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(sentence, sizeof(sentence), format, arguments);
    va_end(arguments);
    findings->problem_count += verdict == VERDICT_PROBLEM;
    if (findings->json) {
        findings->broken |= !finding_print_json(verdict, check, sentence, advice);
    } else if (verdict == VERDICT_PROBLEM || !findings->quiet) {
        finding_print(verdict, check, sentence, advice);
        findings->broken |= fflush(stdout) != 0;
    }
}
