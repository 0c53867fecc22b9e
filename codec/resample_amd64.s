#include "textflag.h"

// func filterFMA(dst *int16, n int, history, bank, coeffs *float32, taps, end, step, advance int)
//
// Y0 to Y3 each take eight of 32 taps, so that no multiplication waits for the
// one before; at the end of an output they are folded into one sum, rounded to
// nearest and saturated.
TEXT ·filterFMA(SB), NOSPLIT, $0-72
	MOVQ dst+0(FP), DI
	MOVQ n+8(FP), CX
	MOVQ history+16(FP), SI
	MOVQ bank+24(FP), R8
	MOVQ coeffs+32(FP), BX
	MOVQ taps+40(FP), R9
	MOVQ end+48(FP), R10
	MOVQ step+56(FP), R11
	MOVQ advance+64(FP), R12
	SHLQ $2, R9             // floats to octets
	SHLQ $2, R10
	SHLQ $2, R11
	SHLQ $2, R12
	ADDQ R10, R8            // behind the last phase

output:
	VXORPS Y0, Y0, Y0
	VXORPS Y1, Y1, Y1
	VXORPS Y2, Y2, Y2
	VXORPS Y3, Y3, Y3
	XORQ   AX, AX

tap:
	VMOVUPS     (BX)(AX*1), Y4
	VMOVUPS     32(BX)(AX*1), Y5
	VMOVUPS     64(BX)(AX*1), Y6
	VMOVUPS     96(BX)(AX*1), Y7
	VFMADD231PS (SI)(AX*1), Y4, Y0
	VFMADD231PS 32(SI)(AX*1), Y5, Y1
	VFMADD231PS 64(SI)(AX*1), Y6, Y2
	VFMADD231PS 96(SI)(AX*1), Y7, Y3
	ADDQ        $128, AX
	CMPQ        AX, R9
	JB          tap

	VADDPS       Y1, Y0, Y0
	VADDPS       Y3, Y2, Y2
	VADDPS       Y2, Y0, Y0
	VEXTRACTF128 $1, Y0, X1
	VADDPS       X1, X0, X0
	VMOVHLPS     X0, X0, X1
	VADDPS       X1, X0, X0
	VMOVSHDUP    X0, X1
	VADDSS       X1, X0, X0
	VCVTPS2DQ    X0, X0
	VPACKSSDW    X0, X0, X0
	VPEXTRW      $0, X0, (DI)
	ADDQ         $2, DI

	// The next output's phase; a sample more where that was the last one.
	ADDQ R12, SI
	ADDQ R11, BX
	CMPQ BX, R8
	JB   next
	SUBQ R10, BX
	ADDQ $4, SI

next:
	DECQ CX
	JNZ  output
	VZEROUPPER
	RET
