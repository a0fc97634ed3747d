"""How the models learnt."""
