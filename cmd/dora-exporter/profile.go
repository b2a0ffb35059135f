//go:build profile

package main

import (
	"fmt"
	"log"
	"os"
	"runtime/pprof"
	"time"
)

// profiled is how long a process must run until its profile is written.
const profiled = 40 * time.Second

// init records what the CPU does in this process, in a file beside the program: make profile makes default.pgo of it.
func init() {
	program, err := os.Executable()
	var file *os.File
	if err == nil {
		file, err = os.Create(fmt.Sprintf("%s.%d.pprof", program, os.Getpid()))
	}
	if err == nil {
		err = pprof.StartCPUProfile(file)
	}
	if err != nil {
		log.Fatal(err)
	}
	time.AfterFunc(profiled, func() {
		pprof.StopCPUProfile()
		_ = file.Close()
	})
}
