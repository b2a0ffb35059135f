package main

import (
	"os"
	"strconv"
	_ "unsafe" // for go:linkname
)

// vdsoClockgettimeSym is the address of the function of the kernel that the runtime asks for the time.
//
//go:linkname vdsoClockgettimeSym runtime.vdsoClockgettimeSym
var vdsoClockgettimeSym uintptr

// clockOffset is how many seconds the clock of this process is ahead.
var clockOffset int64

// addressOfShiftedClock returns the address of a function that adds clockOffset to what the kernel says.
func addressOfShiftedClock() uintptr

func init() {
	clockOffset, _ = strconv.ParseInt(os.Getenv("CLOCK_OFFSET"), 10, 64)
	vdsoClockgettimeSym = addressOfShiftedClock()
}
