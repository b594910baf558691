/* The exchange that is the floor: as many bytes as an empty invocation, and nothing in them. */
#pragma once

enum { REQUEST = 79, REPLY = 58 };
