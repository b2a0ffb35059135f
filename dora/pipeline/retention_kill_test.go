package pipeline_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"dora-exporter/dora"
)

// The test binary runs itself with these flags.
var (
	childStore = flag.String("retention.store", "", "database from which to remove what is old")
	childNow   = flag.Int64("retention.now", 0, "time of day, in Unix seconds")
)

// kill -9 at any moment of a removal changes no value.
func TestRetentionKilled(t *testing.T) {
	if *childStore != "" {
		x := &longRun{t: t, path: *childStore, store: openStoreAt(t, *childStore), rules: noLimit(), now: time.Unix(*childNow, 0).UTC()}
		x.removeOld()
		return
	}
	x := newLongRun(t)
	x.growOld()
	killed := 0
	for killed < 4 {
		x.now = x.now.Add(20 * dora.Day) // there is more to remove
		if err := x.store.Close(); err != nil {
			t.Fatal(err)
		}
		child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestRetentionKilled$", "-retention.store="+x.path,
			"-retention.now="+strconv.FormatInt(x.now.Unix(), 10))
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(30*time.Millisecond + rand.N(120*time.Millisecond))
		if err := child.Process.Kill(); err == nil {
			killed++
		}
		_ = child.Wait() // it was killed
		x.store = openStoreAt(t, x.path)
		x.check(fmt.Sprint("after kill ", killed))
	}
	x.removeOld()
	x.check("in the end")
	x.sendAgain()
}
