package main

// Result has the measurements with one number of deployments. Times are in seconds, memory and disk in bytes.
type Result struct {
	Deployments int `json:"deployments"`
	// Accepted and Counted are webhooks per second: during the whole growth, and in its last quarter until all were counted.
	Accepted float64 `json:"accepted_per_second"`
	Counted  float64 `json:"counted_per_second"`
	// AcceptedRatio, CountedRatio and CPURatio are what Accepted, Counted and CPU are of those of a server with a new store, in turn with it; 0 if
	// they were not compared.
	AcceptedRatio float64 `json:"accepted_ratio"`
	CountedRatio  float64 `json:"counted_ratio"`
	CPURatio      float64 `json:"cpu_ratio"`
	// Evaluated is deployments per second until all were evaluated.
	Evaluated float64 `json:"evaluated_per_second"`
	// CPU and Disk are for a deployment.
	CPU  float64 `json:"cpu"`
	Disk float64 `json:"disk"`
	// Memory is the most that the server used while it grew.
	Memory float64 `json:"memory"`
	// Report is that of 90 days, ReportAll that of all years.
	Report            float64 `json:"report"`
	ReportMemory      float64 `json:"report_memory"`
	ReportAll         float64 `json:"report_all"`
	ReportAllMemory   float64 `json:"report_all_memory"`
	Page              float64 `json:"page"`
	ExplainDeployment float64 `json:"explain_deployment"`
	ExplainMetric     float64 `json:"explain_metric"`
	StartKilled       float64 `json:"start_killed"`
	StartBare         float64 `json:"start_without_checkpoint"`
	Backup            float64 `json:"backup"`
	Copy              float64 `json:"copy"`
	// Pause is the longest time that a sender waited for an answer during the backup, CopyPause that during the copy, UsualPause that before both.
	Pause      float64 `json:"pause"`
	CopyPause  float64 `json:"copy_pause"`
	UsualPause float64 `json:"usual_pause"`
}
