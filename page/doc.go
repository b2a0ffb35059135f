// Package page serves the HTML pages for people: the state of the program with the five measures and the newest deliveries at /,
// and an explanation of a deployment, an incident or a value below /explain.
//
// The pages run no script and load nothing from elsewhere. Whatever they read is bounded in size and time, so that they can't
// delay the processing of events: the parts of / are cached, and one explanation is made at a time.
package page
