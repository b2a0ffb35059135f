package history

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"dora-exporter/dora"
)

// Store has the methods of the store that a backfill uses.
type Store interface {
	dora.Transactor
	Backlog(ctx context.Context) (dora.Backlog, error)
}

// Backfill reads a history and stores the deliveries of it. It goes on where an earlier one was interrupted.
type Backfill struct {
	Request

	GitHub GitHub
	// Owners lists owners of which all repositories are read besides; nil if there are none. It returns some even if the credentials of others
	// are refused.
	Owners func(ctx context.Context) ([]string, error)
	// Issues reads the incidents; nil if there are none to be read.
	Issues *Jira
	Store  Store
	// DecodeDeployment decodes the payload of a webhook about a deployment.
	DecodeDeployment func(payload []byte) (dora.Event, error)
	// NeedsFlags reports whether GitHub's flags of an environment are needed to tell whether it is one of production, or what it is called.
	NeedsFlags func(environment string) bool
	// Host is that of GitHub's REST API, where an answer does not tell it.
	Host string
	// Labels is true if the labels of pull requests are needed.
	Labels bool
	Logger *slog.Logger
	Now    func() time.Time
	Sleep  func(ctx context.Context, d time.Duration)
	// OnProgress is called after each step.
	OnProgress func(Progress)
	// OnPlanned is called with the repositories that are to be read, owner/name; nil for nothing.
	OnPlanned func(ctx context.Context, repositories []string)
	// IsAwaited reports whether something waits for a repository, owner/name, which is then read before the others; nil if nothing does.
	IsAwaited func(name string) bool

	asker
	refusals refusals

	// targets are what is to be read, but for the unanswered ones.
	targets []target
	planned bool
	// began is when the run began. isResumed is true while the list of an interrupted backfill is read, readsNewer afterwards, while what is newer
	// is read.
	began                 time.Time
	isResumed, readsNewer bool
	// unanswered are the targets that GitHub did not answer for when they were read, although it answers others.
	unanswered []target
	// skipped are the parts of repositories in Progress.Failed: their repository is done, so that they are not read again.
	skipped []string
	// tried are the targets that readSmall has tried to read.
	tried map[string]bool

	mu       sync.Mutex
	progress Progress
	// before has what had been spent when the repository that is being read was begun or resumed.
	before Spent
}

// Run reads everything. Its error is that of ctx, of the store or of Jira, or GitHub's if the repositories can't be listed, or if it refuses a
// credential; it has an *IncompleteError if GitHub does not answer for some of them. Other repositories that can't be read are in Progress.Failed.
func (b *Backfill) Run(ctx context.Context) (Progress, error) { return Servers{b}.Run(ctx) }

// plan lists what is to be read, unless it has been listed.
func (b *Backfill) plan(ctx context.Context) error {
	if b.planned {
		return nil
	}
	b.prepare()
	if slices.Contains(b.Sources, dora.GitHub) {
		if err := b.listOwners(ctx); err != nil {
			return err
		}
		all, err := b.listTargets(ctx)
		if err != nil {
			return err
		}
		b.setTargets(ctx, all)
	}
	b.planned = true
	return nil
}

// setTargets sets what is to be read.
func (b *Backfill) setTargets(ctx context.Context, all []target) {
	b.targets, b.planned = all, true
	if b.OnPlanned != nil {
		b.OnPlanned(ctx, namesOf(all))
	}
	b.count(func(p *Progress) {
		p.Repositories = len(all)
		for _, t := range all {
			p.CallsLeft += t.Calls
		}
	})
}

func (b *Backfill) prepare() {
	b.asker = asker{github: b.GitHub, logger: b.Logger, now: b.Now, sleep: b.Sleep, maxFailures: b.maxFailures, spent: b.spent, next: b.next}
	b.progress.Failed, b.tried, b.refusals = slices.Clone(b.skipped), map[string]bool{}, refusals{}
	if b.MaxRate > 0 {
		b.interval = time.Hour / time.Duration(b.MaxRate)
	}
	if b.OnProgress == nil {
		b.OnProgress = func(Progress) {}
	}
}

// read reads what was planned, or what is left of it.
func (b *Backfill) read(ctx context.Context) error {
	if err := b.readRepositories(ctx); err != nil {
		return err
	}
	if err := b.readNewer(ctx); err != nil {
		return err
	}
	if b.readsIssues() {
		if err := b.readIssues(ctx); err != nil {
			return err
		}
	}
	return ctx.Err()
}

func (b *Backfill) readsIssues() bool {
	return b.Issues != nil && slices.Contains(b.Sources, dora.Jira)
}

// readRepositories reads the targets that are left. Those that GitHub does not answer for although it answers others become unanswered.
func (b *Backfill) readRepositories(ctx context.Context) error {
	for b.progress.Done < len(b.targets) {
		left := b.targets[b.progress.Done:]
		b.takeAwaited(left)
		t := left[0]
		err := b.readSmall(ctx, left)
		if err == nil {
			err = b.readRepository(ctx, t)
		}
		if ctx.Err() != nil || err != nil && !isFinal(err) {
			return errors.Join(ctx.Err(), err)
		}
		if isUnanswered(err) {
			b.postpone(err)
			continue
		}
		b.refusals.note(err, t.Name)
		if err != nil {
			b.Logger.Error("a repository can't be read, the backfill goes on without it; repeat it later", "repository", t.Name, "error", err)
		}
		b.finish(t, err != nil)
	}
	return nil
}

// readRepository reads a repository, or what is left of it. What an earlier request had begun is finished before more is read.
func (b *Backfill) readRepository(ctx context.Context, t target) error {
	for renames := 0; ; {
		p, resumed, err := b.begin(ctx, t)
		if err != nil {
			return err
		}
		if p.Done {
			if b.isResumed && b.hasRead(p) {
				b.count(func(now *Progress) { now.Deployments += p.Deployments })
			}
			return nil
		}
		err = b.readPart(ctx, p)
		if renamed := new(renamedError); errors.As(err, &renamed) {
			if renames++; renames > maxRenames {
				return &dora.NotFoundError{Reason: dora.ReasonNotFound, Err: errRenames}
			}
			t = target{Name: renamed.name}
			continue
		}
		if err != nil || !resumed || p.covers(b.Request) {
			return err
		}
	}
}

// readPart reads what is left of a repository.
func (b *Backfill) readPart(ctx context.Context, p *part) error {
	b.before = b.spent
	if err := b.readAllPages(ctx, p); err != nil {
		return err
	}
	deployments, pages, err := b.stored(ctx, p)
	if err != nil {
		return err
	}
	p.Deployments = len(deployments)
	if err := b.completeOnce(ctx, p, deployments); err != nil {
		return err
	}
	if err := b.numberAll(ctx, p, deployments); err != nil {
		return err
	}
	if !p.HistoryRead {
		if err := b.readGaps(ctx, p.Owner, []*gaps{gapsOf(p, deployments, pages)}); err != nil && !errors.Is(err, dora.ErrNoBulk) {
			return err
		}
	}
	b.countDeployments(p, deployments)
	if err := b.deliver(ctx, p, deployments); err != nil {
		return err
	}
	p.Done, p.Spent = true, b.spentOn(p)
	return b.Store.Update(ctx, func(tx dora.Tx) error {
		if err := tx.Backfill().RemovePages(p.deploymentsPart()); err != nil {
			return err
		}
		return tx.Backfill().SavePart(p.part(), p)
	})
}

// stored returns the deployments that were read of a repository, each as it was stored last, and the pages of what they may have shipped.
func (b *Backfill) stored(ctx context.Context, p *part) (deployments []dora.ArchivedDeployment, pages []dora.ArchivePage, err error) {
	err = b.Store.Update(ctx, func(tx dora.Tx) (err error) {
		deployments = nil
		read, err := tx.Backfill().Pages(p.deploymentsPart())
		for _, page := range read {
			deployments = append(deployments, page.Deployments...)
		}
		deployments = lastOfEach(deployments)
		if err == nil {
			pages, err = tx.Backfill().Pages(p.part())
		}
		return err
	})
	return deployments, pages, err
}

// lastOfEach returns the last element for each deployment, in the order of the first ones.
func lastOfEach(all []dora.ArchivedDeployment) (last []dora.ArchivedDeployment) {
	at := map[int64]int{}
	for _, a := range all {
		if i, ok := at[a.ID]; ok && a.ID != 0 { // the number may not be known yet
			last[i] = a
			continue
		}
		at[a.ID] = len(last)
		last = append(last, a)
	}
	return last
}

// begin returns how far a repository was read. It is done if all that is asked for is there, and resumed if it was begun before.
func (b *Backfill) begin(ctx context.Context, t target) (p *part, resumed bool, err error) {
	owner, repository, ok := strings.Cut(t.Name, "/")
	if !ok {
		return nil, false, fmt.Errorf("%q is not the name of a repository: owner/name", t.Name)
	}
	fresh := &part{Server: b.Host, Host: b.Host, Owner: owner, Name: repository, span: b.spanOf()}
	fresh.PullsSince = b.Since.Add(-mergedBefore)
	var known *part
	err = b.Store.Update(ctx, func(tx dora.Tx) error {
		known = nil
		names, err := tx.Backfill().Parts(dora.GitHub + "/")
		if err != nil {
			return err
		}
		for _, of := range names {
			if !strings.HasSuffix(of, "/"+dora.RepositoryName(owner, repository)) {
				continue
			}
			found := &part{}
			if _, err := tx.Backfill().Part(of, found); err != nil {
				return err
			}
			if found.Server == b.Host {
				known = found
			}
		}
		return nil
	})
	if err == nil && known != nil {
		known.knownID, fresh.knownID = known.ID, known.ID
	}
	switch {
	case err != nil || known == nil:
		return fresh, false, err
	case !known.Done, !b.Until.IsZero() && known.covers(b.Request), b.hasRead(known):
		return known, true, nil
	}
	fresh.Spent, fresh.Host, fresh.Owner, fresh.Name = known.Spent, known.Host, known.Owner, known.Name
	if known.leadsTo(b.Request) {
		fresh.Since, fresh.PullsSince, fresh.Newer = known.Since, known.PullsSince, known.end().Add(-redeliveryWindow)
		if t.ID != 0 && t.ID == known.ID && t.isOlder(fresh.Newer) {
			return known, true, nil
		}
	}
	return fresh, false, nil
}
