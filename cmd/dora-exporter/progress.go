package main

import (
	"fmt"
	"io"
	"time"

	"github.com/schollz/progressbar/v3"

	"dora-exporter/app"
)

// lineInterval is the time between two lines of the progress.
const lineInterval = 10 * time.Second

// progress shows how far a backfill is: as a bar on a terminal, else in lines.
type progress struct {
	out   io.Writer
	bar   *progressbar.ProgressBar
	isBar bool
	next  time.Time
}

func newProgress(shown string, out io.Writer) *progress {
	return &progress{out: out, isBar: shown == "bar"}
}

// show shows the progress, unless there is nothing to be seen yet.
func (p *progress) show(now app.BackfillProgress) {
	switch {
	case now.Repositories == 0:
	case p.isBar:
		if p.bar == nil {
			p.bar = progressbar.NewOptions(now.Repositories, progressbar.OptionSetWriter(p.out), progressbar.OptionShowCount(), progressbar.OptionShowIts(),
				progressbar.OptionSetItsString("repositories"), progressbar.OptionSetPredictTime(true), progressbar.OptionFullWidth(), progressbar.OptionUseANSICodes(true))
		}
		p.bar.Describe(fmt.Sprintf("%d deployments, %d incidents, at most %d calls left", now.Deployments, now.Issues, now.CallsLeft))
		_ = p.bar.Set(now.Done)
	case !time.Now().Before(p.next):
		p.next = time.Now().Add(lineInterval)
		_, _ = fmt.Fprintf(p.out, "%d of %d repositories, %d deployments, %d incidents, %d calls made, at most %d left\n",
			now.Done, now.Repositories, now.Deployments, now.Issues, now.Calls, now.CallsLeft)
	}
}

// end ends the line of the bar.
func (p *progress) end() {
	if p.bar != nil {
		_, _ = fmt.Fprintln(p.out)
	}
}
