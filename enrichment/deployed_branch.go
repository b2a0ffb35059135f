package enrichment

import (
	"context"
	"slices"

	"dora-exporter/dora"
)

// isDeployedBranch reports whether something was deployed from the branch of a pull request that is not among its own commits, but was on the
// branch before them: such a branch is taken to another one again and again. What was never on it was deployed from another branch of its name, or
// before the branch was rebased.
func (s *shipping) isDeployedBranch(ctx context.Context, o dora.Origin) (bool, error) {
	if is, known := s.deployedBranches[o.PullRequest]; known {
		return is, nil
	}
	deployed, err := s.deployedFrom(ctx, o)
	if err != nil || len(deployed) == 0 {
		return false, err
	}
	own, err := s.ownCommits(ctx, &o)
	if err != nil {
		if _, missing := s.isMissing(err); missing {
			err = nil
		}
		return false, err
	}
	is, err := s.isAnyBehind(ctx, slices.DeleteFunc(deployed, own.has), o.Head)
	if err == nil {
		s.deployedBranches[o.PullRequest] = is
	}
	return is, err
}

// deployedFrom returns what was deployed from the branch of a pull request, which is one of the repository.
func (s *shipping) deployedFrom(ctx context.Context, o dora.Origin) ([]string, error) {
	if o.Fork || o.Branch == "" {
		return nil, nil
	}
	return s.c.Past.DeployedFrom(ctx, o.Branch)
}

// takesAlong reports whether a pull request that was squashed or rebased takes along what others have brought: it comes from such a branch, and
// another change of the repository was the first to ship one of its commits.
func (s *shipping) takesAlong(ctx context.Context, o dora.Origin, own pullCommits) (bool, error) {
	if o.BackMerge || o.MergeCommit == "" {
		return false, nil
	}
	deployed, err := s.deployedFrom(ctx, o)
	if err != nil || len(deployed) == 0 {
		return false, err
	}
	first, err := s.c.Past.FirstChanges(ctx, own.shas())
	if err != nil {
		return false, err
	}
	name := dora.Change{Origin: o}.Name()
	for _, other := range first {
		if other != name {
			return s.isDeployedBranch(ctx, o)
		}
	}
	return false, nil
}

// maxRelations limits how many deployed commits are compared with a branch.
const maxRelations = 3

// isAnyBehind reports whether one of the commits that were deployed from a branch is an ancestor of the branch's head. Of many, it compares a
// few: the same ones, whatever their order, unless there are more than the store returns.
func (s *shipping) isAnyBehind(ctx context.Context, deployed []string, head string) (bool, error) {
	slices.Sort(deployed)
	for _, sha := range deployed[:min(len(deployed), maxRelations)] {
		relation, err := s.relation(ctx, sha, s.c.Head.At(head))
		reason, missing := s.isMissing(err)
		switch {
		case missing && reason == dora.ReasonNoAnswer, err == nil && (relation == dora.Ahead || relation == dora.Identical):
			return true, nil
		case err != nil && !missing:
			return false, err
		}
	}
	return false, nil
}

// relation returns how a head relates to a base. The answer is remembered, since each environment asks for the same.
func (l *lookUp) relation(ctx context.Context, base string, head dora.Commit) (dora.Relation, error) {
	if answer, known := l.archive.compare(base, head.SHA); known {
		return answer.Status, nil
	}
	key := comparisonKey(l.base, dora.Comparison{Head: head, Base: base})
	if key != "" {
		key += " relation" // it lists one commit at most
	}
	if answer, known := l.knownComparison(ctx, key); known {
		return answer.Status, nil
	}
	var answer comparison
	p, err := l.get(ctx, &answer, "?per_page=1&page=1", routeCompare, head.Owner, head.Repository, base+"..."+head.SHA)
	if err != nil {
		return "", notFound(err)
	}
	l.comparisons.put(key, p.body)
	return answer.Status, nil
}
