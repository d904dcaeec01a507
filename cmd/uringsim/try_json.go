package main

import (
	"fmt"

	"github.com/uringsim/uringsim/trial"
)

// The JSON of a trial; docs/json.md states the keys.
type (
	trialLine struct {
		Type       string       `json:"type"`
		Policy     string       `json:"policy"`
		File       string       `json:"file,omitzero"`
		Kernel     string       `json:"kernel"`
		Rejected   *refusalLine `json:"rejected,omitzero"`
		Requests   int          `json:"requests"`
		Admitted   int          `json:"admitted"`
		Denied     int          `json:"denied"`
		Cancelled  int          `json:"cancelled"`
		Calls      int          `json:"refused_calls"`
		Undecided  int          `json:"undecided,omitzero"`
		Logged     *loggedLine  `json:"logged,omitzero"`
		Unmodelled int          `json:"unmodelled"`
	}
	refusalLine struct {
		What string   `json:"what"`
		Why  *whyLine `json:"why"`
	}
	breakLine struct {
		Type      string      `json:"type"`
		Kernel    string      `json:"kernel"`
		Opcode    string      `json:"opcode,omitzero"`
		Register  string      `json:"register,omitzero"`
		Saw       string      `json:"saw,omitzero"`
		By        string      `json:"by,omitzero"`
		Why       *whyLine    `json:"why"`
		Count     int         `json:"count"`
		Cancelled int         `json:"cancelled"`
		First     []placeLine `json:"first"`
		Needs     []string    `json:"needs,omitzero"`
		MoreNeeds bool        `json:"more_needs,omitzero"`
		Always    bool        `json:"always,omitzero"`
	}
	doubtLine struct {
		Type       string    `json:"type"`
		Kernel     string    `json:"kernel"`
		Place      placeLine `json:"place"`
		Unmodelled string    `json:"unmodelled"`
		Denied     int       `json:"denied"`
	}
	placeLine struct {
		File     string `json:"file"`
		Event    int    `json:"event"`
		Request  int    `json:"request,omitzero"`
		Task     string `json:"task"`
		UserData string `json:"user_data,omitzero"`
	}
)

// lines prints the trial for programs.
func (a *attempt) lines(out *printer, policy string) {
	r := a.report
	sum := trialLine{Type: "trial", Policy: policy, File: a.file, Kernel: a.release.Name, Requests: r.Requests, Admitted: r.Admitted,
		Denied: r.Denied, Cancelled: r.Cancelled, Calls: r.Calls, Undecided: r.Undecided, Logged: jsonLogged(&r.Logged),
		Unmodelled: r.Unknown}
	if a.refused != nil {
		sum.Rejected = &refusalLine{a.refused.What, jsonWhy(a.refused.Why)}
	}
	for _, b := range r.Breaks {
		l := breakLine{Type: "break", Kernel: a.release.Name, Saw: b.Saw, By: b.By, Why: jsonWhy(b.Why), Count: b.Count,
			Cancelled: b.Cancelled, Needs: b.Needs, MoreNeeds: b.MoreNeeds, Always: b.Always}
		if b.IsCall {
			l.Register = b.RegisterOp.String()
		} else {
			l.Opcode = b.Op.String()
		}
		l.First = jsonPlaces(b.First)
		out.line(l)
	}
	for _, g := range r.Gaps {
		out.line(gapLine{"gap", a.release.Name, g.Op.String(), g.Missing, g.Count, jsonPlaces(g.First)})
	}
	for _, d := range r.Doubts {
		out.line(doubtLine{"doubt", a.release.Name, jsonPlace(d.Place), d.What, d.Denied})
	}
	out.line(sum)
}

func jsonPlaces(places []trial.Place) (lines []placeLine) {
	for _, p := range places {
		lines = append(lines, jsonPlace(p))
	}
	return lines
}

func jsonPlace(p trial.Place) placeLine {
	l := placeLine{File: p.File, Event: p.Event, Request: p.Request, Task: p.Task}
	if p.Request > 0 {
		l.UserData = fmt.Sprint(p.UserData)
	}
	return l
}
