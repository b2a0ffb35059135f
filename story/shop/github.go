package shop

import (
	"context"
	"errors"
	"slices"

	"dora-exporter/dora"
)

// GitHub answers as GitHub would for a repository whose commits are on one branch.
type GitHub struct {
	// Line has the SHAs of the branch, the oldest first.
	Line []string
	// Changes are what commits brought, by SHA; others are changes of their own.
	Changes map[string]dora.Change
	// Down are the commits about which it can't answer.
	Down map[string]bool
}

// Origin returns the origin of a commit.
func (g GitHub) Origin(_ context.Context, c dora.Commit) (dora.Origin, error) {
	if g.Down[c.SHA] {
		return dora.Origin{}, errors.New("502 Bad Gateway")
	}
	return g.change(c.SHA).Origin, nil
}

// PartialOrigin is Origin: no single answer is missing.
func (g GitHub) PartialOrigin(ctx context.Context, c dora.Commit) (dora.Origin, error) {
	return g.Origin(ctx, c)
}

func (g GitHub) change(sha string) dora.Change {
	c, ok := g.Changes[sha]
	if !ok {
		c.FirstCommit = Minute(-90)
	}
	c.SHA = sha
	return c
}

// Ship compares two commits.
func (g GitHub) Ship(_ context.Context, c dora.Comparison) (dora.Shipment, map[string]dora.Origin, error) {
	head, base := slices.Index(g.Line, c.Head.SHA), slices.Index(g.Line, c.Base)
	switch {
	case g.Down[c.Head.SHA]:
		return dora.Shipment{}, nil, errors.New("502 Bad Gateway")
	case c.Base == "":
		return dora.Shipment{Relation: dora.First, Changes: []dora.Change{g.change(c.Head.SHA)}, Calls: 1}, nil, nil
	case c.Base == c.Head.SHA:
		return dora.Shipment{Relation: dora.Identical}, nil, nil
	case head < base:
		return dora.Shipment{Relation: dora.Behind, Calls: 1}, nil, nil
	}
	s := dora.Shipment{Relation: dora.Ahead, Calls: 2}
	for _, sha := range g.Line[base+1 : head+1] {
		s.Changes = append(s.Changes, g.change(sha))
	}
	return s, nil, nil
}

// owner is a catalog in which one team owns everything.
type owner struct{}

func (owner) RepositoryTeam(context.Context, string, string, string) (string, error) {
	return "Platform", nil
}

func (owner) ProjectTeam(context.Context, string) (string, error) { return "Platform", nil }
