// Does with heroku-go what a customer's program does, and prints what it was answered as JSON.
//
// Arguments: where Heroku is, and a user's token. The types of heroku-go are made of Heroku's schema, and an answer that
// does not fit into them is an error.
package main

import (
	"context"
	"encoding/json"
	"log"
	"os"

	heroku "github.com/cyberdelia/heroku-go/v5"
)

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func main() {
	heroku.DefaultTransport.BearerToken = os.Args[2]
	service, told, ctx := heroku.NewService(heroku.DefaultClient), map[string]any{}, context.Background()
	service.URL = os.Args[1]

	account, err := service.AccountInfo(ctx)
	check(err)
	told["email"] = account.Email
	app, err := service.AppCreate(ctx, heroku.AppCreateOpts{Name: heroku.String("kiosk")})
	check(err)
	pipeline, err := service.PipelineCreate(ctx, heroku.PipelineCreateOpts{Name: "kiosk-line"})
	check(err)
	coupling, err := service.PipelineCouplingCreate(ctx, heroku.PipelineCouplingCreateOpts{App: app.ID, Pipeline: pipeline.ID, Stage: "staging"})
	check(err)
	found, err := service.PipelineCouplingInfoByApp(ctx, "kiosk")
	check(err)
	told["coupling"] = []any{found.ID == coupling.ID, found.Pipeline.ID == pipeline.ID, found.Stage}
	addon, err := service.AddOnCreate(ctx, "kiosk", heroku.AddOnCreateOpts{Plan: "acme-search:basic", Name: heroku.String("kiosk-search")})
	check(err)
	told["addon"] = []any{addon.Name, addon.State, addon.Plan.Name, addon.ConfigVars}
	config, err := service.AddOnConfigList(ctx, addon.ID, nil)
	check(err)
	told["config"] = config[0].Name
	attachments, err := service.AddOnAttachmentListByAddOn(ctx, "kiosk-search", nil)
	check(err)
	told["attachment"] = []any{len(attachments), attachments[0].App.Name, attachments[0].Name}
	releases, err := service.ReleaseList(ctx, "kiosk", &heroku.ListRange{Field: "version", Max: 1, Descending: true})
	check(err)
	told["release"] = []any{len(releases), releases[0].Version, releases[0].Description}
	members, err := service.TeamMemberList(ctx, "lumen", nil)
	check(err)
	told["members"] = len(members)
	_, err = service.AddOnDelete(ctx, "kiosk", addon.ID)
	check(err)
	_, err = service.AddOnInfo(ctx, addon.ID)
	told["gone"] = err.Error()
	check(json.NewEncoder(os.Stdout).Encode(told))
}
