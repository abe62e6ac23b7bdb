#pragma once

/* cmocka with what it needs included before it; every unit test starts with this. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
