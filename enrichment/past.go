package enrichment

import (
	"context"

	"dora-exporter/dora"
)

// withoutShipped leaves out commits that the scope had before: those that were shipped, and what is behind one that was deployed.
// Parents come before their children.
func (s *shipping) withoutShipped(ctx context.Context, all commits) (left commits, err error) {
	behind := map[string]bool{}
	had := make([]bool, len(all))
	for i := len(all) - 1; i >= 0; i-- {
		listed := all[i]
		ran := behind[listed.SHA]
		if !ran {
			if ran, err = s.c.Past.Ran(ctx, listed.SHA); err != nil {
				return nil, err
			}
		}
		if had[i] = ran; ran {
			for _, p := range listed.Parents {
				behind[p.SHA] = true
			}
			continue
		}
		if had[i], err = s.c.Past.Shipped(ctx, listed.SHA); err != nil {
			return nil, err
		}
	}
	for i, listed := range all {
		if !had[i] {
			left = append(left, listed)
		}
	}
	return left, nil
}

// hasBeenShipped reports whether a pull request is left out because the scope had it before.
func (s *shipping) hasBeenShipped(ctx context.Context, o dora.Origin) (bool, error) {
	if !s.leaveOut {
		return false, nil
	}
	shipped, err := s.c.Past.Shipped(ctx, dora.Change{Origin: o}.Name())
	if err != nil || shipped || !s.diverged || o.Merged.IsZero() {
		return shipped, err
	}
	return s.isOnBase(ctx, o)
}

// isOnBase reports whether the previous deployment contained a pull request as another commit than the deployed one does, such as a
// cherry-pick: it may be the first one, of which only the change of its commit is known.
func (s *shipping) isOnBase(ctx context.Context, o dora.Origin) (bool, error) {
	if s.onBase == nil {
		s.onBase = map[int]commits{}
		compared, err := s.compare(ctx, dora.Comparison{Head: s.c.Head.At(s.c.Base), Base: s.c.Head.SHA})
		if _, missing := s.isMissing(err); err != nil && !missing {
			return false, err
		}
		for _, listed := range compared.Commits {
			if number := reference(listed.Commit.Message); number != 0 {
				s.onBase[number] = append(s.onBase[number], listed)
			}
		}
	}
	for _, listed := range s.onBase[o.PullRequest] {
		p, err := s.pull(ctx, o.PullRequest)
		if err != nil && !s.goesOn(err) {
			return false, err
		}
		fits, err := s.fits(ctx, s.c.Head, p, listed)
		if fits || err != nil && !s.goesOn(err) {
			return fits, err
		}
	}
	return false, nil
}

// noPast is the past of a deployment before which nothing is known.
type noPast struct{}

func (noPast) Shipped(context.Context, string) (bool, error) { return false, nil }

func (noPast) Ran(context.Context, string) (bool, error)                         { return false, nil }
func (noPast) FirstChanges(context.Context, []string) (map[string]string, error) { return nil, nil }
func (noPast) DeployedFrom(context.Context, string) ([]string, error)            { return nil, nil }
func (noPast) Called(context.Context, string, string) (bool, error)              { return false, nil }
