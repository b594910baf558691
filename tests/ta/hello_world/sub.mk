# SPDX-License-Identifier: BSD-2-Clause

global-incdirs-y += .
srcs-y += hello_world.c
