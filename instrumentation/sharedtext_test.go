package instrumentation

import (
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestSharedText(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		made := 0
		s := newSharedText(func(b body) *text {
			time.Sleep(time.Second)
			made++
			_, _ = b.Write([]byte(strconv.Itoa(made)))
			return &text{body: b}
		})
		type opened struct {
			reader *textReader
			body   string
			after  time.Duration
		}
		began := time.Now()
		open := func(cut func()) opened {
			r, text := s.acquire(cut)
			var read strings.Builder
			if err := text.body.writeTo(&read); err != nil {
				t.Error(err)
			}
			return opened{r, read.String(), time.Since(began)}
		}
		// The first has one made. Those that come while it is made share the next, since it may have begun before what they want
		// to see.
		answers := make(chan opened, 100)
		cut := 0
		go func() { answers <- open(func() { cut++ }) }()
		synctest.Wait()
		for range 50 {
			go func() { answers <- open(func() { t.Error("a reader of the second text was cut off") }) }()
		}
		first := <-answers
		if first.body != "1" || first.after != time.Second {
			t.Errorf("the first read %s after %s", first.body, first.after)
		}
		var second []opened
		for range 50 {
			one := <-answers
			if one.body != "2" || one.after != 2*time.Second {
				t.Errorf("the others read %s after %s", one.body, one.after)
			}
			second = append(second, one)
		}
		// Nobody has closed: those that come get the newest, until it is too old and the first has had its time.
		time.Sleep(time.Second)
		stale := open(func() {})
		if stale.body != "2" || made != 2 || cut != 0 {
			t.Errorf("read %s, %d were made, %d cut off", stale.body, made, cut)
		}
		s.release(stale.reader)
		time.Sleep(minReadTime - 3*time.Second) // the first text was begun 3 s ago
		if fresh := open(func() {}); fresh.body != "3" || cut != 1 {
			t.Errorf("read %s, %d cut off, want 3 and 1", fresh.body, cut)
		} else {
			s.release(fresh.reader)
		}
		s.release(first.reader)
		for _, one := range second {
			s.release(one.reader)
		}
		if one := open(func() {}); one.body != "4" || len(s.active) != 1 {
			t.Errorf("read %s, %d texts are read", one.body, len(s.active))
		} else {
			s.release(one.reader)
		}
		if len(s.active) != 0 {
			t.Errorf("%d texts are kept", len(s.active))
		}
	})
}
