// Package annex is a self-hosted app platform that any product can adopt: other
// people's apps extend the product, each call of an app runs in an instance that no
// other call has touched, and what an app may touch is a permission that only a site
// admin can widen.
//
// Most people run it as the command (cmd/annex, `annex serve`). A Go program embeds it
// with New and Run; its main calls Child first, because the program starts itself
// again for the worker processes in which app code runs:
//
//	func main() {
//		annex.Child()
//		p, err := annex.New(ctx, annex.Config{DataDir: "data"})
//		if err != nil {
//			log.Fatal(err)
//		}
//		log.Fatal(p.Run(ctx))
//	}
package annex
