package process

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// ticksPerSecond is the unit of CPU times in /proc; Linux has the same on all architectures that Go supports.
const ticksPerSecond = 100

// CPUTime returns the CPU time that a process has used.
func CPUTime(pid int) (time.Duration, error) { return times(pid, 2) }

// TreeCPUTime returns the CPU time that a process and its descendants have used, those that have ended included.
func TreeCPUTime(pid int) (sum time.Duration, err error) {
	for _, p := range Descendants(pid) {
		used, err := times(p, 4)
		if p != pid && isEnded(err) { // it has just ended: its parent has its times
			return TreeCPUTime(pid)
		}
		if err != nil {
			return 0, err
		}
		sum += used
	}
	return sum, nil
}

// isEnded reports whether reading a file of a process in /proc failed since the process has ended, before the file was opened or after that.
func isEnded(err error) bool { return errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH) }

// times adds up the first of the times of a process: in user and kernel mode, and the same of its children that it has waited for.
func times(pid, n int) (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:])) // from field 3, the state; the name before may have blanks
	var ticks int64
	for _, field := range fields[11 : 11+n] { // utime, stime, cutime and cstime
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("CPU time of process %d: %w", pid, err)
		}
		ticks += n
	}
	return time.Duration(ticks) * time.Second / ticksPerSecond, nil
}

// PeakMemory returns the most memory that a process has used, in bytes; 0 if it has ended.
func PeakMemory(pid int) float64 {
	text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			n, _ := strconv.ParseFloat(strings.Fields(rest)[0], 64)
			return n * (1 << 10)
		}
	}
	return 0
}

// Descendants returns a process and those that its threads have started.
func Descendants(pid int) []int {
	all := []int{pid}
	for i := 0; i < len(all); i++ {
		threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", all[i])) // none if the process has ended
		for _, path := range threads {
			text, _ := os.ReadFile(path)
			for child := range strings.FieldsSeq(string(text)) {
				if n, err := strconv.Atoi(child); err == nil {
					all = append(all, n)
				}
			}
		}
	}
	return all
}
