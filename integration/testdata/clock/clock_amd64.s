#include "textflag.h"

// func addressOfShiftedClock() uintptr
TEXT ·addressOfShiftedClock(SB),NOSPLIT,$0-8
	LEAQ ·shiftedClock(SB), AX
	MOVQ AX, ret+0(FP)
	RET

// shiftedClock has the arguments of clock_gettime, as C passes them: the clock, and where the seconds and nanoseconds go.
TEXT ·shiftedClock(SB),NOSPLIT|NOFRAME,$0-0
	MOVQ DI, R8
	MOVQ $228, AX // clock_gettime
	SYSCALL
	CMPQ R8, $0   // CLOCK_REALTIME
	JNE  done
	MOVQ ·clockOffset(SB), R9
	ADDQ R9, 0(SI)
done:
	XORL AX, AX
	RET
