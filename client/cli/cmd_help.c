/* help, version, completion: all from the table of commands. */
#include <stdio.h>
#include <string.h>

#include "client/cli/commands.h"

/* Column where the words of help begin. */
#define HELP_COLUMN 34

static void print_options(FILE *out, const struct pst_cli_option *o)
{
    for (; o != NULL && o->name != NULL; o++) {
        char left[64];
        char letter[8] = "    ";
        if (o->letter != 0)
            snprintf(letter, sizeof letter, "-%c, ", o->letter);
        snprintf(left, sizeof left, "%s--%s%s%s%s", letter, o->name, o->value != NULL ? " " : "",
                 o->value != NULL ? o->value : "",
                 (o->flags & PST_CLI_REPEATED) != 0 ? " ..." : "");
        fprintf(out, "  %-*s%s%s\n", HELP_COLUMN, left, o->help,
                (o->flags & PST_CLI_REQUIRED) != 0 ? " (needed)" : "");
    }
}

static void print_command(FILE *out, const struct pst_cli_command *c)
{
    fprintf(out, "postern %s%s%s%s\n    %s.\n", c->name, c->options != NULL ? " [OPTION]..." : "",
            c->operands[0] != '\0' ? " " : "", c->operands, c->summary);
    if (c->options != NULL) {
        fputs("\nOptions:\n", out);
        print_options(out, c->options);
    }
    fputs("\nOptions of every command:\n", out);
    print_options(out, pst_cli_common_options);
}

static void print_list(FILE *out, const char *prefix)
{
    size_t len = strlen(prefix);
    for (const struct pst_cli_command *c = pst_cli_commands; c->name != NULL; c++) {
        if (strncmp(c->name, prefix, len) != 0)
            continue;
        char left[96];
        snprintf(left, sizeof left, "%s %s", c->name, c->operands);
        fprintf(out, "  %-*s%s\n", HELP_COLUMN, left, c->summary);
    }
}

enum pst_err pst_cmd_help(struct pst_cli *cli)
{
    bool exact = false;
    char name[64] = "";
    for (int i = 0; i < cli->operands_count; i++) {
        size_t at = strlen(name);
        snprintf(name + at, sizeof name - at, "%s%s", i > 0 ? " " : "", cli->operands[i]);
    }
    for (const struct pst_cli_command *c = pst_cli_commands; c->name != NULL; c++) {
        if (strcmp(c->name, name) == 0) {
            print_command(cli->out, c);
            exact = true;
        }
    }
    if (exact)
        return PST_OK;
    fputs("Usage: postern COMMAND [OPTION]... [OPERAND]...\n\n", cli->out);
    print_list(cli->out, name);
    fputs("\nOptions of every command:\n", cli->out);
    print_options(cli->out, pst_cli_common_options);
    fputs("\n\"postern help COMMAND\" says more about one. postern(1) says it all.\n", cli->out);
    return PST_OK;
}

enum pst_err pst_cmd_version(struct pst_cli *cli)
{
    fprintf(cli->out, "postern %s\n", POSTERN_VERSION);
    return PST_OK;
}

/* ---- completion ---- */

static void words_of_options(FILE *out, const struct pst_cli_option *o)
{
    for (; o != NULL && o->name != NULL; o++)
        fprintf(out, " --%s", o->name);
}

/* What was typed so far, options aside, decides: the next word of a command, or its options. */
static void print_bash(FILE *out)
{
    fputs("# bash completion of postern, made by \"postern completion bash\"\n"
          "_postern_table='",
          out);
    for (const struct pst_cli_command *c = pst_cli_commands; c->name != NULL; c++) {
        fprintf(out, "%s:", c->name);
        words_of_options(out, c->options);
        words_of_options(out, pst_cli_common_options);
        fputc('\n', out);
    }
    fputs("'\n"
          "_postern() {\n"
          "    local cur=${COMP_WORDS[COMP_CWORD]} typed= list= name options rest i\n"
          "    for ((i = 1; i < COMP_CWORD; i++)); do\n"
          "        case ${COMP_WORDS[i]} in -*) ;; *) typed+=\"${COMP_WORDS[i]} \" ;; esac\n"
          "    done\n"
          "    while IFS=: read -r name options; do\n"
          "        case \"$name \" in\n"
          "            \"$typed\"*) rest=${name:${#typed}}; list+=\" ${rest%% *}\" ;;\n"
          "        esac\n"
          "        case $typed in \"$name \"*) list+=\" $options\" ;; esac\n"
          "    done <<<\"$_postern_table\"\n"
          "    COMPREPLY=($(compgen -W \"$list\" -- \"$cur\"))\n"
          "    [ ${#COMPREPLY[@]} -gt 0 ] || COMPREPLY=($(compgen -f -- \"$cur\"))\n"
          "}\n"
          "complete -F _postern postern\n",
          out);
}

/* One word for zsh: quotes, colons and brackets would end it early. */
static void print_zsh_text(FILE *out, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '\'')
            fputs("'\\''", out);
        else {
            if (strchr(":[]\\", *text) != NULL)
                fputc('\\', out);
            fputc(*text, out);
        }
    }
}

static void print_zsh_options(FILE *out, const struct pst_cli_option *o)
{
    for (; o != NULL && o->name != NULL; o++) {
        fprintf(out, " '%s--%s[", (o->flags & PST_CLI_REPEATED) != 0 ? "*" : "", o->name);
        print_zsh_text(out, o->help);
        fputc(']', out);
        if (o->value != NULL)
            fprintf(out, ":%s:%s", o->value,
                    (o->flags & PST_CLI_FILE) != 0     ? "_files"
                    : (o->flags & PST_CLI_FOLDER) != 0 ? "_files -/"
                                                       : "");
        fputc('\'', out);
    }
}

static void print_zsh_arguments(FILE *out)
{
    for (const struct pst_cli_command *c = pst_cli_commands; c->name != NULL; c++) {
        fprintf(out, "        '%s '*) _arguments", c->name);
        print_zsh_options(out, c->options);
        print_zsh_options(out, pst_cli_common_options);
        fputs(" '*:file:_files' ;;\n", out);
    }
}

static void print_zsh(FILE *out)
{
    fputs("#compdef postern\n"
          "# zsh completion of postern, made by \"postern completion zsh\"\n"
          "_postern() {\n"
          "    local -a commands=(",
          out);
    for (const struct pst_cli_command *c = pst_cli_commands; c->name != NULL; c++)
        fprintf(out, " '%s'", c->name);
    fputs(" )\n"
          "    local -a next\n"
          "    local typed= word name\n"
          "    for word in \"${(@)words[2,CURRENT-1]}\"; do\n"
          "        [[ $word == -* ]] || typed+=\"$word \"\n"
          "    done\n"
          "    for name in $commands; do\n"
          "        [[ \"$name \" == \"$typed\"?* ]] && next+=(\"${${name#$typed}%% *}\")\n"
          "    done\n"
          "    (( $#next )) && compadd -- ${(u)next}\n"
          "    case $typed in\n",
          out);
    print_zsh_arguments(out);
    fputs("    esac\n"
          "}\n"
          "_postern \"$@\"\n",
          out);
}

enum pst_err pst_cmd_completion(struct pst_cli *cli)
{
    if (strcmp(cli->operands[0], "bash") == 0)
        print_bash(cli->out);
    else if (strcmp(cli->operands[0], "zsh") == 0)
        print_zsh(cli->out);
    else
        return pst_cli_fail(cli, PST_ERR_USAGE, "There is completion for bash and for zsh.");
    return PST_OK;
}
