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

// What a sample moves the weights by: the zeros' 128, the poles' 192
// and 128.
DATA moves<>+0(SB)/8, $0x0080008000800080
DATA moves<>+8(SB)/8, $0x008000c000800080
GLOBL moves<>(SB), RODATA|NOPTR, $16

// What they lose: 1/256, the second pole 1/128, as the upper half of a product.
DATA leaks<>+0(SB)/8, $0xff00ff00ff00ff00
DATA leaks<>+8(SB)/8, $0xfe00ff00ff00ff00
GLOBL leaks<>(SB), RODATA|NOPTR, $16

// The poles' lanes are never 0.
DATA poles<>+0(SB)/8, $0
DATA poles<>+8(SB)/8, $0x0001000100000000
GLOBL poles<>(SB), RODATA|NOPTR, $16

// The second pole's limits.
DATA most<>+0(SB)/8, $0x7fff7fff7fff7fff
DATA most<>+8(SB)/8, $0x30007fff7fff7fff
GLOBL most<>(SB), RODATA|NOPTR, $16

DATA least<>+0(SB)/8, $0x8000800080008000
DATA least<>+8(SB)/8, $0xd000800080008000
GLOBL least<>(SB), RODATA|NOPTR, $16

DATA words<>+0(SB)/8, $0x800100013c000001 // 1, 15360, 1, -32767
GLOBL words<>(SB), RODATA|NOPTR, $8

// func g722AdaptAVX2(p *g722Predictors, low, high int)
//
// The low band is in the lower half of each register, the high one in the upper.
TEXT ·g722AdaptAVX2(SB), NOSPLIT, $0-24
	MOVQ           p+0(FP), AX
	MOVQ           low+8(FP), X0
	MOVQ           high+16(FP), X1
	VPBROADCASTW   X0, X0
	VPBROADCASTW   X1, X1
	VINSERTI128    $1, X1, Y0, Y0 // D
	VMOVDQU        (AX), Y1       // weights
	VMOVDQU        32(AX), Y2     // seen
	VMOVDQU        64(AX), Y3     // signs
	VPADDSW        96(AX), Y0, Y4 // PARREC
	VPADDSW        128(AX), Y0, Y5
	VPADDSW        Y5, Y5, Y5     // RECONS, doubled
	VPXOR          Y15, Y15, Y15

	// Y6: signs that differ, never 0. Y7: the moves, towards them.
	VPBROADCASTW   words<>+0(SB), Y14
	VPBLENDW       $0xc0, Y4, Y0, Y6
	VPXOR          Y3, Y6, Y6
	VPOR           Y14, Y6, Y6
	VBROADCASTI128 poles<>(SB), Y7
	VPOR           Y0, Y7, Y7
	VPCMPEQW       Y15, Y7, Y7
	VBROADCASTI128 moves<>(SB), Y8
	VPANDN         Y8, Y7, Y7
	VPSIGNW        Y6, Y7, Y7

	// Y8: four times the first pole, for the second: down where the signs of
	// P are the same. -32768 and -32767 are one after the shift.
	VPSLLDQ        $2, Y1, Y8
	VPADDSW        Y8, Y8, Y8
	VPADDSW        Y8, Y8, Y8
	VPBROADCASTW   words<>+6(SB), Y9
	VPMAXSW        Y9, Y8, Y8
	VPSLLDQ        $2, Y6, Y9
	VPSIGNW        Y9, Y8, Y8
	VPSUBW         Y8, Y15, Y8
	VPSRAW         $7, Y8, Y8
	VPBLENDW       $0x80, Y8, Y15, Y8

	// UPZERO, UPPOL2, UPPOL1
	VBROADCASTI128 leaks<>(SB), Y9
	VPMULHW        Y9, Y1, Y9
	VPADDW         Y7, Y8, Y8
	VPADDW         Y9, Y1, Y1
	VPADDW         Y8, Y1, Y1
	VBROADCASTI128 most<>(SB), Y9
	VPMINSW        Y9, Y1, Y1
	VBROADCASTI128 least<>(SB), Y9
	VPMAXSW        Y9, Y1, Y1
	VPBROADCASTW   words<>+2(SB), Y9
	VPSRLDQ        $2, Y1, Y10
	VPSUBW         Y10, Y9, Y9     // the first pole's limit
	VPSUBW         Y9, Y15, Y10
	VPMINSW        Y9, Y1, Y9
	VPMAXSW        Y10, Y9, Y9
	VPBLENDW       $0x40, Y9, Y1, Y1
	VMOVDQU        Y1, (AX)

	// DELAYA
	VPSLLDQ        $2, Y2, Y2
	VPADDW         Y0, Y0, Y9
	VPBLENDW       $0x01, Y9, Y2, Y2
	VPBLENDW       $0x40, Y5, Y2, Y2
	VMOVDQU        Y2, 32(AX)
	VPSLLDQ        $2, Y3, Y3
	VPBLENDW       $0x01, Y0, Y3, Y3
	VPBLENDW       $0x40, Y4, Y3, Y3
	VMOVDQU        Y3, 64(AX)

	// FILTEZ, FILTEP: products shifted by 15, then their sums: of the zeros
	// in three parts, of the poles in the fourth.
	VPMULHW        Y2, Y1, Y4
	VPMULLW        Y2, Y1, Y5
	VPADDW         Y4, Y4, Y4
	VPSRLW         $15, Y5, Y5
	VPOR           Y5, Y4, Y4
	VPMADDWD       Y14, Y4, Y4
	VPBLENDD       $0x88, Y15, Y4, Y5
	VPSHUFD        $0xff, Y4, Y4
	VPSHUFD        $0x4e, Y5, Y6
	VPADDD         Y6, Y5, Y5
	VPSHUFD        $0xb1, Y5, Y6
	VPADDD         Y6, Y5, Y5
	VPACKSSDW      Y5, Y5, Y5
	VPACKSSDW      Y4, Y4, Y4
	VMOVDQU        Y5, 96(AX)
	VPADDSW        Y4, Y5, Y4     // PREDIC
	VMOVDQU        Y4, 128(AX)
	VZEROUPPER
	RET
