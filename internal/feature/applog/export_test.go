package applog

// Talks is the number of calls whose lines are counted now.
func (s *Service) Talks() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.talks)
}

// Counts is how many counts wait to be written.
func (s *Service) Counts() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.batch.counts)
}
