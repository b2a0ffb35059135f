package dora

import "context"

// Recorder records facts in instruments, on top of a restored state.
type Recorder interface {
	// Restore sets the state that was reached before this process, and empties it. It is called once, before Record.
	Restore(State)
	// Begin says when series began. It is called before Restore for all series, and before Record for those that the facts start.
	Begin([]SeriesStart)
	// Record adds facts: a scrape sees all of them or none.
	Record([]Fact) error
	// State returns the restored state plus all recorded facts.
	State() State
}

// Checkpoint keeps all cumulative values, in a file for any tool and as sums in the store.
type Checkpoint interface {
	// Restore returns the values that the store keeps and the position up to which they hold. The facts after that position are still
	// to be added. It imports a file that another program wrote, and refuses one that does not belong to the store.
	Restore(ctx context.Context) (State, int64, error)
	// Write replaces the file atomically and durably, and from time to time the sums in the store. These have the series of History, too,
	// which the file has not.
	Write(ctx context.Context, s, history State, position int64) error
}

// Catalog returns which team owns a repository or project: Unknown if no team does, an error if it can't be determined now. A call that ends
// with its context does not end what it began: if that succeeds, a later call returns the team at once.
type Catalog interface {
	// RepositoryTeam is given the host of the repository's URL in the API, as in Deployment.Host.
	RepositoryTeam(ctx context.Context, host, owner, repository string) (string, error)
	ProjectTeam(ctx context.Context, project string) (string, error)
}

// Team is a team of the configuration with the repositories and projects that it owns.
type Team struct {
	Name string
	// Repositories are owner/name, owner/* for all of an owner, or a name alone for one of the default owner's.
	Repositories []string
	// Projects are keys of Jira projects, Components components of one: KEY/name.
	Projects, Components []string
}

// Unknown is the team of repositories and projects that no team owns.
const Unknown = "Unknown"

// Enricher looks up commits at GitHub. Its error is a *NotFoundError if GitHub does not have a commit, an *UnansweredError if GitHub
// fails to answer a call although it answers others, an *InaccessibleError if the token may not see the repository, and a *PausedError
// if calls for the repository are paused and those for others are not. Any other error is temporary and holds for all calls, such as an
// outage.
type Enricher interface {
	// Origin returns the origin of a commit. It is final, even if its Unavailable is set.
	Origin(ctx context.Context, c Commit) (Origin, error)
	// PartialOrigin returns what can be determined of an origin without the answers that GitHub fails to give. Its error is never an
	// *UnansweredError.
	PartialOrigin(ctx context.Context, c Commit) (Origin, error)
	// Ship returns what a deployment ships. learned has the origins by SHA that it looked up because Known lacked them, even if it
	// fails, so that the next attempt need not look them up again. After an *UnansweredError of a call that is not given up it goes
	// on, to find all such calls at once.
	Ship(ctx context.Context, c Comparison) (s Shipment, learned map[string]Origin, err error)
}
