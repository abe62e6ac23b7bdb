#pragma once

/*
 * The extensions of tus that a server has, as Tus-Extension lists them
 *
 *   Source   tus 1.0.0, "Tus-Extension" and the first paragraph of every extension
 */

enum tus_extension {
    TUS_CREATION = 1 << 0,
    TUS_CREATION_WITH_UPLOAD = 1 << 1, /* only with TUS_CREATION */
    TUS_CREATION_DEFER_LENGTH = 1 << 2,
    TUS_EXPIRATION = 1 << 3,
    TUS_CHECKSUM = 1 << 4,
    TUS_CHECKSUM_TRAILER = 1 << 5, /* only with TUS_CHECKSUM */
    TUS_TERMINATION = 1 << 6,
    TUS_CONCATENATION = 1 << 7,
    TUS_CONCATENATION_UNFINISHED = 1 << 8, /* only with TUS_CONCATENATION */
};

enum {
    TUS_EXTENSIONS_BYTES = 160, /* room for all of them, terminated */
};

/* The list, without blanks: a deployed client does not trim. "" for none: no header then. */
void tus_extensions_format(unsigned extensions, char text[static TUS_EXTENSIONS_BYTES]);
