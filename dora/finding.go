package dora

// Finding is a result of a check of the configuration, or of a server that it names.
type Finding struct {
	// Check is what was checked, such as github, Subject which of several, such as an account; empty if there is only one.
	Check   string `json:"check"`
	Subject string `json:"subject,omitempty"`
	// Status is FindingOK, FindingWarning or FindingFailed.
	Status string `json:"status"`
	// Text says what was found.
	Text string `json:"text"`
	// Remedy says what to do; empty if nothing is to be done.
	Remedy string `json:"remedy,omitempty"`
}

// The statuses of findings. A warning is about something that works but may be a mistake, or that could not be checked.
const (
	FindingOK      = "ok"
	FindingWarning = "warning"
	FindingFailed  = "failed"
)
