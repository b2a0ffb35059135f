package dora

// Team is a team with what it owns, as the configuration lists it.
type Team struct {
	Name string
	// Repositories are owner/name, owner/* for all of an owner, or a name alone for one of the default owner's.
	Repositories []string
	// Projects are keys of Jira projects.
	Projects []string
}
