/* Runs a fuzzer's function over every file of the folders given: its corpus as an ordinary test. */
#include <dirent.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len);

/* Seeds are small: larger files do not belong into a corpus. */
#define SEED_MAX ((size_t)1024 * 1024)

static bool run_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    uint8_t *bytes = malloc(SEED_MAX);
    size_t len = file == NULL || bytes == NULL ? 0 : fread(bytes, 1, SEED_MAX, file);
    bool ok = file != NULL && bytes != NULL && len < SEED_MAX && ferror(file) == 0;
    if (ok) {
        /* Exactly its length, so that AddressSanitizer sees a read beyond it. */
        uint8_t *exact = malloc(len > 0 ? len : 1);
        memcpy(exact, bytes, len);
        (void)LLVMFuzzerTestOneInput(exact, len);
        free(exact);
    }
    free(bytes);
    if (file != NULL)
        (void)fclose(file);
    return ok;
}

static int run_folder(const char *name)
{
    DIR *folder = opendir(name);
    int count = 0;
    for (struct dirent *entry; folder != NULL && (entry = readdir(folder)) != NULL;) {
        char path[4096];
        struct stat found;
        if (snprintf(path, sizeof path, "%s/%s", name, entry->d_name) >= (int)sizeof path ||
            stat(path, &found) != 0 || !S_ISREG(found.st_mode))
            continue;
        if (!run_file(path)) {
            fprintf(stderr, "%s cannot be run\n", path);
            exit(EXIT_FAILURE);
        }
        count++;
    }
    if (folder != NULL)
        (void)closedir(folder);
    return count;
}

int main(int argc, char **argv)
{
    int count = 0;
    for (int i = 1; i < argc; i++)
        count += run_folder(argv[i]);
    printf("%d inputs\n", count);
    return count > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
