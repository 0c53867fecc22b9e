#include "textflag.h"

// The taps that meet even samples, each beside a zero for the odd one that
// stands next to it, and those that meet odd ones.
DATA even<>+0(SB)/8, $0x0000fff500000003  // 3, 0, -11, 0
DATA even<>+8(SB)/8, $0x000000200000000c  // 12, 0, 32, 0
DATA even<>+16(SB)/8, $0x000003b70000ff2e // -210, 0, 951, 0
DATA even<>+24(SB)/8, $0x0000fcdb00000f24 // 3876, 0, -805, 0
DATA even<>+32(SB)/8, $0x0000ff640000016a // 362, 0, -156, 0
DATA even<>+40(SB)/8, $0x0000fff500000035 // 53, 0, -11, 0
GLOBL even<>(SB), RODATA|NOPTR, $48

DATA odd<>+0(SB)/8, $0x00350000fff50000  // 0, -11, 0, 53
DATA odd<>+8(SB)/8, $0x016a0000ff640000  // 0, -156, 0, 362
DATA odd<>+16(SB)/8, $0x0f240000fcdb0000 // 0, -805, 0, 3876
DATA odd<>+24(SB)/8, $0xff2e000003b70000 // 0, 951, 0, -210
DATA odd<>+32(SB)/8, $0x000c000000200000 // 0, 32, 0, 12
DATA odd<>+40(SB)/8, $0x00030000fff50000 // 0, -11, 0, 3
GLOBL odd<>(SB), RODATA|NOPTR, $48

// func g722SumsSSE2(sums *g722Sum, n int, x *int16)
TEXT ·g722SumsSSE2(SB), NOSPLIT, $0-24
	MOVQ  sums+0(FP), DI
	MOVQ  n+8(FP), CX
	MOVQ  x+16(FP), SI
	MOVOU even<>+0(SB), X8
	MOVOU even<>+16(SB), X9
	MOVOU even<>+32(SB), X10
	MOVOU odd<>+0(SB), X11
	MOVOU odd<>+16(SB), X12
	MOVOU odd<>+32(SB), X13

sum:
	MOVOU   (SI), X0
	MOVOU   16(SI), X1
	MOVOU   32(SI), X2
	MOVO    X0, X3
	MOVO    X1, X4
	MOVO    X2, X5
	PMADDWL X8, X0
	PMADDWL X9, X1
	PMADDWL X10, X2
	PMADDWL X11, X3
	PMADDWL X12, X4
	PMADDWL X13, X5
	PADDL   X1, X0
	PADDL   X4, X3
	PADDL   X2, X0
	PADDL   X5, X3

	// Four parts of the even sum in X0, of the odd one in X3.
	MOVO       X0, X1
	PUNPCKLLQ  X3, X0
	PUNPCKHLQ  X3, X1
	PADDL      X1, X0
	PSHUFD     $0x4e, X0, X1
	PADDL      X1, X0
	MOVQ       X0, (DI)

	ADDQ $4, SI // two samples
	ADDQ $8, DI
	DECQ CX
	JNZ  sum
	RET
