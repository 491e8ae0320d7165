\ir ../fixtures/gallery.sql
